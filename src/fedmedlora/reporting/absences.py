"""What a run does without, and why: updates that did not count, entities that stand nowhere."""

from collections.abc import Iterable, Mapping, Sequence

from fedmedlora.reporting import arms
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.markup import Cell, Heading, Html, Rows, table, text
from fedmedlora.reporting.prose import LOST
from fedmedlora.reporting.quantities import count
from fedmedlora.reporting.tables import figure, named

Absence = tuple[str, int, str, str]
"""Arm, round, site, reason."""

Loss = tuple[str, str, str, int]
"""Arm, site, reason, number of entities."""


def absences(results: Json) -> list[Absence]:
    """Return every site that did not count in a round."""
    return [
        (arms.title(arm["name"]), r["round"], site, reason)
        for arm in results.get("arms", ())
        for r in arm.get("rounds", ())
        for site, reason in _reasons(r.get("absences") or ())
    ]


def _reasons(absences: Iterable[Json]) -> list[tuple[str, str]]:
    return sorted((absence["site"], absence["reason"]) for absence in absences)


def absences_table(found: Sequence[Absence]) -> Html:
    """Return the absences and refusals with their recorded reasons."""
    headings = [
        Heading("Site", figures=False),
        Heading("Arm", figures=False),
        Heading("Round"),
        Heading("Recorded reason", figures=False),
    ]
    rows = [
        [named(site), named(arm), named(index), Cell(text(reason), "reason")]
        for arm, index, site, reason in found
    ]
    return table("Sites that did not count in a round", headings, [Rows(rows)])


def lost(results: Json) -> list[Loss]:
    """Return how many entities were announced in the final answers and stand nowhere."""
    return [
        (arms.title(arm["name"]), site, reason, number)
        for arm in results.get("arms", ())
        for site, scores in arm.get("final", {}).items()
        for reason, number in ((scores or {}).get("lost") or {}).items()
    ]


def lost_in_words(lost: Mapping[str, int]) -> str:
    """Return what was announced and stands nowhere, in a sentence."""
    told = (f"{number} {LOST.get(reason, reason)}" for reason, number in sorted(lost.items()))
    return f"Left out, for it stands nowhere in the note: {', '.join(told)}."


def lost_table(found: Sequence[Loss]) -> Html:
    """Return how much that was announced stands nowhere, and why."""
    headings = [
        Heading("Site", figures=False),
        Heading("Arm", figures=False),
        Heading("Announced", figures=False),
        Heading("Number"),
    ]
    rows = [
        [named(site), named(arm), named(LOST.get(reason, reason)), figure(count(number))]
        for arm, site, reason, number in found
    ]
    return table("Entities that an answer announced and that stand nowhere", headings, [Rows(rows)])
