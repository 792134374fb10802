"""Which of an arm's trials is taken over: the one with the best dev score of the round it kept.

Ties go to the trial that is named first. Test notes take no part.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fedmedlora.study.schema import Setting, Variant, leading


@dataclass(frozen=True, slots=True)
class Tried:
    """What the trials of an arm came to.

    Attributes:
        arm: That leads its group.
        scores: Trial to its dev score; None where it is not kept yet, or has none.
        chosen: The one that is taken over, None while any is missing.
    """

    arm: str
    scores: Mapping[str, float | None]
    chosen: str | None


def tried(
    setting: Setting, cells: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
) -> list[Tried]:
    """Return what the trials of a setting came to so far, arm by arm; none before the first.

    Args:
        cells: As `choices` has it; some may be missing.
    """
    found = []
    for group in setting.arms if cells else ():
        own = {one.name: cells.get((one.name, group)) for one in trials_of(setting, group)}
        scores = {name: None if kept is None else dev_score(kept) for name, kept in own.items()}
        chosen = None if None in own.values() else _best(setting, group, cells).name
        found.append(Tried(leading(group), scores, chosen))
    return found


def trials_of(setting: Setting, group: str) -> list[Variant]:
    """Return the variants of a setting that a group of arms has."""
    return [one for one in setting.variants if not one.arms or group in one.arms]


def choices(
    setting: Setting, cells: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
) -> dict[str, Variant]:
    """Return the trial to take over, by the arm that leads each group of a setting.

    Args:
        setting: Whose variants are the trials.
        cells: (variant, arms as they are named together) to what was kept, seed by seed.
    """
    return {leading(group): _best(setting, group, cells) for group in setting.arms}


def dev_score(cells: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the dev F1 of the kept round, mean over training sites, then over arms and seeds.

    Arms that were not scored there, as those of a new site, do not count; None where none was.
    """
    scores = []
    for cell in cells:
        trained = {site["name"] for site in cell["sites"] if site["role"] == "train"}
        for arm in cell["arms"]:
            kept = [one["dev"] for one in arm["rounds"] if one["round"] == arm["best_round"]]
            of_sites = [
                f1 for dev in kept for site, f1 in dev.items() if site in trained and f1 is not None
            ]
            if of_sites:
                scores.append(statistics.fmean(of_sites))
    return statistics.fmean(scores) if scores else None


def _best(
    setting: Setting, group: str, cells: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
) -> Variant:
    # Of equal ones this is the first; an arm that nothing is known of has the first too.
    return max(
        trials_of(setting, group),
        key=lambda one: -1.0 if (f1 := dev_score(cells[one.name, group])) is None else f1,
    )
