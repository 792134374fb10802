"""Which of an arm's trials is taken over: the one with the best dev score of the round it kept.

Ties go to the trial that is named first. Test notes take no part.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from fedmedlora.study.schema import Setting, Variant


def choices(
    setting: Setting, cells: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
) -> dict[str, Variant]:
    """Return the trial to take over for each group of arms of a setting.

    Args:
        setting: Whose variants are the trials.
        cells: (variant, arms as they are named together) to what was kept, seed by seed.
    """
    chosen = {}
    for group in setting.arms:
        trials = [one for one in setting.variants if not one.arms or group in one.arms]
        chosen[group] = max(trials, key=lambda one: dev_score(cells[one.name, group]))
    return chosen


def dev_score(cells: Sequence[Mapping[str, Any]]) -> float:
    """Return the dev F1 of the kept round, mean over training sites, arms and seeds."""
    scores = []
    for cell in cells:
        trained = {site["name"] for site in cell["sites"] if site["role"] == "train"}
        for arm in cell["arms"]:
            best = next(one for one in arm["rounds"] if one["round"] == arm["best_round"])
            of_sites = [
                f1 for site, f1 in best["dev"].items() if site in trained and f1 is not None
            ]
            scores.append(statistics.fmean(of_sites) if of_sites else 0.0)
    return statistics.fmean(scores)
