"""What the cells of a setting come to: means over seeds, intervals over notes, paired differences.

    figure of an arm = mean over its seeds of (mean, minimum or harmonic mean over sites of F1)

The bootstrap draws notes within each site, the same draws for all arms and seeds, and computes the
figure anew in each draw. So an interval says how far another set of notes could move the figure,
with these trained models; what another seed could do stands beside it, as the seeds' own range.

    p = 2 min(#(d <= 0) + 1, #(d >= 0) + 1) / (R + 1), at most 1, for a difference d in R draws

Where several arms are held against one, p is Holm's: sorted upwards, the i-th of m times m - i + 1,
never below the one before.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 15; Holm,
A Simple Sequentially Rejective Multiple Test Procedure, Scand. J. Statist. 6 (1979).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fedmedlora.evaluation.intervals import draws, interval, micro_f1

Over = Literal["mean", "min", "harmonic_mean"]
Floats = NDArray[np.float64]
SINGLE = "single_site:"
BEST_SINGLE, MEAN_SINGLE = "best single site", "mean single site"
_DRAWS_SEED = 0


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of a variant, over its seeds.

    Attributes:
        kept: What was kept of it, seed by seed.
        seeds: In the order of `kept`.
    """

    name: str
    kept: tuple[Mapping[str, Any], ...]
    seeds: tuple[int, ...]

    @property
    def seconds(self) -> float:
        """Return how long it took, mean over seeds."""
        return float(np.mean([one["seconds"] for one in self.kept]))

    @property
    def bytes_sent(self) -> float:
        """Return what travelled in all rounds, both ways, mean over seeds."""
        return float(np.mean([sum(bytes_of(each) for each in one["rounds"]) for one in self.kept]))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with what could move it.

    Attributes:
        value: On the notes as they are; a difference is positive where the first is better.
        ci95: Over notes; None where undefined.
        of_seeds: The figure of each seed.
        p: Two-sided, that a difference is none; None for what is no difference.
    """

    value: float
    ci95: tuple[float, float] | None
    of_seeds: tuple[float, ...]
    p: float | None = None


def arms_of(cells: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[str, Arm]:
    """Return the arms of one variant by name, in the order of the cells.

    Args:
        cells: (seed, what was kept of a cell).
    """
    found: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for seed, cell in cells:
        for arm in cell["arms"]:
            found.setdefault(arm["name"], []).append((seed, arm))
    return {
        name: Arm(name, tuple(arm for _, arm in each), tuple(seed for seed, _ in each))
        for name, each in found.items()
    }


class Figures:
    """The figures of one variant's arms, which have the same seeds, in the same draws."""

    def __init__(self, arms: Mapping[str, Arm], *, replicates: int) -> None:
        self.arms = arms
        self._replicates = replicates
        self._drawn: dict[tuple[str, int], NDArray[np.int64]] = {}
        self._f1: dict[tuple[str, str, str], Floats] = {}

    def f1(self, arm: str, figure: str, site: str) -> Floats:
        """Return F1 at a site, (seeds, 1 + replicates): as it is, then in each draw; may be nan."""
        key = arm, figure, site
        if key not in self._f1:
            self._f1[key] = np.stack(
                [self._of_seed(one, figure, site) for one in self.arms[arm].kept]
            )
        return self._f1[key]

    def over_sites(self, arm: str, figure: str, sites: Sequence[str], over: Over) -> Floats:
        """Return a figure over sites, (seeds, 1 + replicates); sites without it are skipped."""
        by_site = np.stack([self.f1(arm, figure, site) for site in sites])
        undefined = np.isnan(by_site)
        count = np.maximum((~undefined).sum(axis=0), 1)
        if over == "min":
            combined = np.where(undefined, np.inf, by_site).min(axis=0)
        elif over == "harmonic_mean":
            with np.errstate(divide="ignore"):
                combined = count / np.where(undefined, 0.0, 1 / by_site).sum(axis=0)
        else:
            combined = np.where(undefined, 0.0, by_site).sum(axis=0) / count
        return np.where(undefined.all(axis=0), np.nan, combined)

    def estimate(self, arm: str, figure: str, sites: Sequence[str], over: Over) -> Estimate | None:
        """Return a figure of an arm, None where it is undefined."""
        return _estimate(self.over_sites(arm, figure, sites, over))

    def difference(
        self, arm: str, against: str, figure: str, sites: Sequence[str], over: Over
    ) -> Estimate | None:
        """Return how much better an arm is, paired in notes, seeds and sites; None where undefined.

        It is undefined, too, where either is not there: cells may be missing.

        Args:
            against: An arm, `BEST_SINGLE` or `MEAN_SINGLE`. The best is the one with the largest
                figure as the notes are, in all draws.
        """
        opponents = self._opponents(against) if arm in self.arms else ()
        if not opponents:
            return None
        scored = [site for site in sites if self._all_have(site, figure, (arm, *opponents))]
        if not scored:
            return None
        each = np.stack([self.over_sites(one, figure, scored, over) for one in opponents])
        if against == BEST_SINGLE:
            other = each[int(each[:, :, 0].mean(axis=1).argmax())]
        else:
            other = each.mean(axis=0)
        return _estimate(self.over_sites(arm, figure, scored, over) - other, is_difference=True)

    def _opponents(self, against: str) -> tuple[str, ...]:
        if against in (BEST_SINGLE, MEAN_SINGLE):
            return tuple(name for name in self.arms if name.startswith(SINGLE))
        return (against,) if against in self.arms else ()

    def _all_have(self, site: str, figure: str, arms: Sequence[str]) -> bool:
        """Return whether a figure is defined at a site for all of some arms, with every seed.

        A mean over other sites than the opponent's would be no difference between methods.
        """
        return not any(np.isnan(self.f1(arm, figure, site)[:, 0]).any() for arm in arms)

    def _of_seed(self, kept: Mapping[str, Any], figure: str, site: str) -> Floats:
        rows = np.array(kept["notes"].get(site, {}).get(figure, []), np.int64).reshape(-1, 3)
        if not len(rows):
            return np.full(1 + self._replicates, np.nan)
        key = site, len(rows)
        if key not in self._drawn:
            drawn = draws({site: len(rows)}, replicates=self._replicates, seed=_DRAWS_SEED)[site]
            as_they_are = np.ones((1, len(rows)), np.int64)
            self._drawn[key] = np.concatenate([as_they_are, drawn])
        return micro_f1(self._drawn[key] @ rows)


def holm(ps: Mapping[str, float]) -> dict[str, float]:
    """Return p by name, corrected for as many comparisons as there are."""
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(ps, key=lambda name: ps[name])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[name]))
        corrected[name] = largest
    return corrected


def bytes_of(one: Mapping[str, Any]) -> int:
    """Return what travelled in one round, both ways."""
    return sum(sum(one.get(key, {}).values()) for key in ("bytes_up", "bytes_down"))


def _estimate(by_seed: Floats, *, is_difference: bool = False) -> Estimate | None:
    mean = by_seed.mean(axis=0)
    if np.isnan(mean[0]):
        return None
    drawn = mean[1:][~np.isnan(mean[1:])]
    p = None
    if is_difference and drawn.size:
        tail = min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1
        p = min(1.0, 2 * float(tail) / (drawn.size + 1))
    return Estimate(float(mean[0]), interval(drawn), tuple(by_seed[:, 0].tolist()), p)
