"""Which of an arm's trials is taken over: the one with the best dev score of the round it kept.

Ties go to the trial that is named first. Test notes take no part.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from fedmedlora.study.schema import Setting, Variant, leading


def choices(
    setting: Setting, cells: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
) -> dict[str, Variant]:
    """Return the trial to take over, by the arm that leads each group of a setting.

    Args:
        setting: Whose variants are the trials.
        cells: (variant, arms as they are named together) to what was kept, seed by seed.
    """
    chosen = {}
    for group in setting.arms:
        trials = [one for one in setting.variants if not one.arms or group in one.arms]
        # Of equal ones this is the first; an arm that nothing is known of has the first too.
        chosen[leading(group)] = max(
            trials,
            key=lambda one: -1.0 if (f1 := dev_score(cells[one.name, group])) is None else f1,
        )
    return chosen


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
