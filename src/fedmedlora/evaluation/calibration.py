"""How often finds are right that a model is so sure of, and what its sureness should have been.

A find's raw confidence p is the probability, by the model, of the decisions that made it. Finds are
counted, right or wrong, in bins of even width of log(p / (1 - p)), from -8 to 8; what lies beyond
counts in the first or the last. A count says nothing of a single find but its bin, so sites send
counts, and counts add. In a bin each find counts with the confidence at the bin's middle.

Calibrated confidence is a function of the bin that never falls (`isotonic`): the one nearest to the
shares of right finds, each bin weighing as many finds as it has. How far confidence is off:

    ECE = sum_b (n_b / n) |right_b / n_b - confidence_b|

over `NUM_SHOWN` bins b of even width of confidence, with n_b finds of mean confidence_b.

Source: ECE, Guo et al., On Calibration of Modern Neural Networks (arXiv 1706.04599), equation 3;
isotonic regression by pair-adjacent violators, Zadrozny and Elkan, Transforming Classifier Scores
into Accurate Multiclass Probability Estimates (KDD 2002), section 2.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from fedmedlora.ranges import at_least, at_most
from fedmedlora.tasks.counts import Part
from fedmedlora.tasks.findings import Findings, Link, Span

NUM_BINS = 64
NUM_SHOWN = 10
FEWEST = 50
"""Finds below which nothing is said of how often they are right."""

Kind = Part
KINDS: tuple[Kind, ...] = ("ner", "re")
Rows = NDArray[np.int64]
"""How many finds of each bin there are, and how many of them are right, (bins, 2)."""

_REACH = 8.0
_DIGITS = 3
"""Of a confidence: thousands of finds tell no more."""
_Probability = Annotated[float, at_least(0), at_most(1)]


def bin_of(log_prob: float, *, num_bins: int) -> int:
    """Return the bin of a find.

    Args:
        log_prob: Of the decisions that made it, in nats; not above 0.
    """
    if log_prob >= 0:
        return num_bins - 1
    log_odds = log_prob - math.log(-math.expm1(log_prob))
    place = math.floor((log_odds + _REACH) / (2 * _REACH) * num_bins)
    return min(max(place, 0), num_bins - 1)


def middles(num_bins: int) -> NDArray[np.float64]:
    """Return the raw confidence at the middle of each bin."""
    log_odds = (np.arange(num_bins) + 0.5) / num_bins * 2 * _REACH - _REACH
    return 1 / (1 + np.exp(-log_odds))


def counted(
    judged: Mapping[Kind, Sequence[tuple[float, bool]]], *, num_bins: int
) -> dict[Kind, Rows]:
    """Return the finds of some notes by bin and how many are right.

    Args:
        judged: Kind to how likely the model held each find, in nats, and whether it is right.
        num_bins: Nothing is counted where it is 0.
    """
    if not num_bins:
        return {}
    rows = {kind: np.zeros((num_bins, 2), np.int64) for kind in judged}
    for kind, finds in judged.items():
        for log_prob, is_right in finds:
            rows[kind][bin_of(log_prob, num_bins=num_bins)] += (1, is_right)
    return rows


def kind_of(find: Span | Link) -> Kind:
    """Return what a find is counted as: a relation from a predicted head, or an entity."""
    return "re" if isinstance(find, Link) else "ner"


def isotonic(rows: Rows) -> tuple[float, ...] | None:
    """Return the calibrated confidence of each bin, None where there are fewer than `FEWEST` finds.

    A bin without finds lies on the line between its neighbours.
    """
    found, right = rows.T.astype(float)
    if found.sum() < FEWEST:
        return None
    filled = np.flatnonzero(found)
    values = _pooled(right[filled] / found[filled], found[filled])
    return tuple(np.interp(np.arange(len(rows)), filled, values).tolist())


def _pooled(shares: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values nearest to some shares of which none is below the one before."""
    pools: list[tuple[float, float, int]] = []
    for share, weight in zip(shares.tolist(), weights.tolist(), strict=True):
        value, weight_of_all, number = share, weight, 1
        # Neighbours that fall violate the order: together they have their mean.
        while pools and pools[-1][0] >= value:
            other, its_weight, its_number = pools.pop()
            total = weight_of_all + its_weight
            value = (value * weight_of_all + other * its_weight) / total
            weight_of_all, number = total, number + its_number
        pools.append((value, weight_of_all, number))
    return np.repeat([value for value, _, _ in pools], [number for _, _, number in pools])


@dataclass(frozen=True, slots=True)
class Reached:
    """Finds of about one confidence.

    Attributes:
        confidence: Their mean.
        right: The part of them that is right.
    """

    found: int
    confidence: float
    right: float


def reliability(
    confidences: Sequence[float] | NDArray[np.float64], rows: Rows
) -> tuple[Reached, ...]:
    """Return the finds of each of `NUM_SHOWN` even parts of confidence that has any.

    Args:
        confidences: Of each bin of the rows, raw or calibrated.
    """
    values = np.asarray(confidences, np.float64)
    parts = np.minimum((values * NUM_SHOWN).astype(int), NUM_SHOWN - 1)
    reached = []
    for part in range(NUM_SHOWN):
        found, right = rows[parts == part].T
        if total := int(found.sum()):
            mean = float(values[parts == part] @ found) / total
            reached.append(Reached(total, mean, int(right.sum()) / total))
    return tuple(reached)


def expected_calibration_error(reached: Sequence[Reached]) -> float | None:
    """Return by how much confidence is off on the mean over finds; None where there are none."""
    total = sum(one.found for one in reached)
    off = sum(one.found * abs(one.right - one.confidence) for one in reached)
    return off / total if total else None


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibrated confidence of each bin, by kind; none of a kind with too few finds."""

    ner: tuple[_Probability, ...] = ()
    re: tuple[_Probability, ...] = ()

    def of(self, kind: Kind) -> tuple[float, ...]:
        """Return the values of a kind."""
        return {"ner": self.ner, "re": self.re}[kind]


UNCALIBRATED = Calibration()


def confidences(found: Findings, calibration: Calibration) -> dict[Span | Link, float]:
    """Return how likely each find of a note is right: an entity, or a relation with both its ends.

    What the model told nothing of, or whose kind was not calibrated, is not in it.
    """
    return {
        find: round(values[bin_of(log_prob, num_bins=len(values))], _DIGITS)
        for find, log_prob in found.log_probs.items()
        if (values := calibration.of(kind_of(find)))
    }


def calibrated(sites: Sequence[Mapping[Kind, Rows]]) -> Calibration:
    """Return what confidence should have been, out of what each site counted."""
    return Calibration(**{kind: isotonic(total) or () for kind, total in summed(sites).items()})


def summed(sites: Sequence[Mapping[Kind, Rows]]) -> dict[Kind, Rows]:
    """Return the counts of some sites together."""
    kinds = [kind for kind in KINDS if any(kind in site for site in sites)]
    return {
        kind: np.sum([site[kind] for site in sites if kind in site], axis=0, dtype=np.int64)
        for kind in kinds
    }
