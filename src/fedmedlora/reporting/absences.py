"""What a run does without, and why: updates that did not count in full, entities found nowhere."""

from collections.abc import Iterable, Mapping, Sequence

from fedmedlora.reporting import arms
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.markup import Cell, Heading, Html, Rows, table, text
from fedmedlora.reporting.prose import LOST
from fedmedlora.reporting.quantities import count, three_digits
from fedmedlora.reporting.tables import figure, named

Absence = tuple[str, int, str, str, str]
"""Arm, round, site, code of the reason, reason."""

Clip = tuple[str, int, str, str, float, float]
"""Arm, round, site, kind of tensors, norm, bound."""

Loss = tuple[str, str, str, int]
"""Arm, site, reason, how often."""


def absences(results: Json) -> list[Absence]:
    """Return every site that did not count in a round."""
    return [
        (arms.title(arm["name"]), r["round"], site, code, reason)
        for arm in results.get("arms", ())
        for r in arm.get("rounds", ())
        for site, code, reason in _reasons(r.get("absences") or ())
    ]


def _reasons(absences: Iterable[Json]) -> list[tuple[str, str, str]]:
    # Runs from before there were codes are shown without.
    return sorted((one["site"], one.get("code", ""), one["reason"]) for one in absences)


def absences_table(found: Sequence[Absence]) -> Html:
    """Return the absences and refusals with their recorded reasons."""
    headings = [
        Heading("Site", figures=False),
        Heading("Arm", figures=False),
        Heading("Round"),
        Heading("Kind", figures=False),
        Heading("Recorded reason", figures=False),
    ]
    rows = [
        [named(site), named(arm), named(index), named(code), Cell(text(reason), "reason")]
        for arm, index, site, code, reason in found
    ]
    return table("Sites that did not count in a round", headings, [Rows(rows)])


def clips(results: Json) -> list[Clip]:
    """Return every update that was scaled down before it counted."""
    return [
        (arms.title(arm["name"]), r["round"], one["site"], one["kind"], one["norm"], one["bound"])
        for arm in results.get("arms", ())
        for r in arm.get("rounds", ())
        for one in (r.get("clipping") or {}).get("clipped", ())
    ]


def clips_table(found: Sequence[Clip]) -> Html:
    """Return the updates that were scaled down, with their norms and bounds."""
    headings = [
        Heading("Site", figures=False),
        Heading("Arm", figures=False),
        Heading("Round"),
        Heading("What", figures=False),
        Heading("Norm"),
        Heading("Scaled down to"),
    ]
    rows = [
        [
            named(site),
            named(arm),
            named(index),
            named(kind),
            *(figure(three_digits(size)) for size in sizes),
        ]
        for arm, index, site, kind, *sizes in found
    ]
    return table("Updates that went too far and were scaled down", headings, [Rows(rows)])


def lost(results: Json) -> list[Loss]:
    """Return how much was lost in the final answers."""
    return [
        (arms.title(arm["name"]), site, reason, number)
        for arm in results.get("arms", ())
        for site, scores in arm.get("final", {}).items()
        for reason, number in ((scores or {}).get("lost") or {}).items()
    ]


def lost_in_words(lost: Mapping[str, int]) -> str:
    """Return what was lost, in a sentence."""
    told = (f"{number} {LOST.get(reason, reason)}" for reason, number in sorted(lost.items()))
    return f"Lost: {', '.join(told)}."


def lost_table(found: Sequence[Loss]) -> Html:
    """Return how much was lost, and why."""
    headings = [
        Heading("Site", figures=False),
        Heading("Arm", figures=False),
        Heading("What", figures=False),
        Heading("Number"),
    ]
    rows = [
        [named(site), named(arm), named(LOST.get(reason, reason)), figure(count(number))]
        for arm, site, reason, number in found
    ]
    return table(
        "What was lost: announced and nowhere in the note, or not read", headings, [Rows(rows)]
    )
