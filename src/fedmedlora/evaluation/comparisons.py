"""How much better one arm is than another, on the very notes both were scored on.

The best single site is the one with the highest cross-site mean on the metric compared, picked
after the fact: an oracle, so that a gain over it is the conservative one. The mean single site is
the plain mean of the single-site arms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from fedmedlora.evaluation.intervals import interval, mean_over_sites, micro_f1
from fedmedlora.tasks.tally import Tally

Finals = Mapping[str, Mapping[str, Tally]]
"""Arm to site to the tally of its final notes."""

TRAINING_SITES = "training sites"
BEST_SINGLE, MEAN_SINGLE = "best single site", "mean single site"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm's F1 minus another's.

    Attributes:
        where: A site, or `TRAINING_SITES` for the plain mean over them.
        difference: On the notes as they are, 0 to 1; positive where `arm` is better.
        ci95: Of the difference, paired bootstrap over notes within sites; None if undefined.
        note: Which arm stands behind "best single site".
    """

    arm: str
    against: str
    metric: str
    where: str
    difference: float
    ci95: tuple[float, float] | None
    note: str = ""


def compare(
    finals: Finals,
    *,
    metrics: Mapping[str, str],
    pairs: Sequence[tuple[str, str]],
    training_sites: Sequence[str],
    other_sites: Sequence[str],
) -> list[dict[str, object]]:
    """Return every pair of arms compared on every metric, ready for JSON.

    Args:
        finals: What was scored; an arm lacks the sites it was not scored on.
        metrics: Name to the figure of a tally that it is the F1 of.
        pairs: (arm, against); `BEST_SINGLE` and `MEAN_SINGLE` may stand as `against`.
        other_sites: Sites compared one by one, beside the mean over the training sites.
    """
    places = {TRAINING_SITES: tuple(training_sites)} | {site: (site,) for site in other_sites}
    compared = [
        _compare(_figures(finals, figure, sites), arm, against, metric, where)
        for metric, figure in metrics.items()
        for where, sites in places.items()
        for arm, against in pairs
    ]
    return [asdict(comparison) for comparison in compared if comparison is not None]


Figures = Mapping[str, NDArray[np.float64]]
"""Arm to its figure, (1 + replicates,): as it is, then in each draw."""


def _figures(finals: Finals, figure: str, sites: Sequence[str]) -> Figures:
    return {
        arm: mean_over_sites({site: micro_f1(by_site[site].rows(figure)) for site in sites})
        for arm, by_site in finals.items()
        if all(site in by_site for site in sites)
    }


def _compare(
    figures: Figures, arm: str, against: str, metric: str, where: str
) -> Comparison | None:
    singles = {name: f for name, f in figures.items() if name.startswith("single_site:")}
    opponent, note = figures.get(against), ""
    if against == BEST_SINGLE and singles:
        note = max(singles, key=lambda name: np.nan_to_num(singles[name][0], nan=-1.0))
        opponent = singles[note]
    elif against == MEAN_SINGLE and singles:
        opponent = mean_over_sites(singles)
    if opponent is None or arm not in figures or np.isnan(figures[arm][0] - opponent[0]):
        return None
    # Paired: both saw the same draws of the same notes.
    differences = figures[arm] - opponent
    return Comparison(
        arm,
        against,
        metric,
        where,
        float(differences[0]),
        interval(differences[1:]),
        note,
    )
