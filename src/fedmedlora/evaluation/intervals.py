"""How sure a figure is: the bootstrap over notes within each site.

A replicate draws, at each site, as many notes as the site has, with replacement, and computes the
figure from them anew. An interval runs from the 2.5th to the 97.5th percentile of the replicates.
Methods are compared on the same draws, so that a note that is hard for both does not widen the
interval of their difference. A draw is kept as how often each note is in it, (replicates, notes).
A replicate whose figure is undefined is nan and is skipped.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 13.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.tasks.scoring import MATCHINGS, PARTS, Matching, NoteCounts, Part

PERCENTILES = (2.5, 97.5)


def draws(
    num_notes: Mapping[str, int], *, replicates: int, seed: int
) -> dict[str, NDArray[np.int64]]:
    """Return how often each note is drawn, (replicates, notes), by site.

    A site's draws depend on its name, its number of notes and the seed, not on the other sites.

    Args:
        num_notes: Site to the number of its notes.
        replicates: How many times to draw.
        seed: Not negative.
    """
    multiplicities = {}
    for site, num in num_notes.items():
        rng = np.random.default_rng([seed, *site.encode()])
        multiplicities[site] = (
            rng.multinomial(num, np.full(num, 1 / num), size=replicates)
            if num
            else np.zeros((replicates, 0), dtype=np.int64)
        )
    return multiplicities


def f1_replicates(
    counts: NDArray[np.int64], multiplicities: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the micro F1 of each replicate, nan where undefined.

    Args:
        counts: tp, fp and fn of each note, (notes, 3).
        multiplicities: How often each note is drawn, (replicates, notes).
    """
    tp, fp, fn = (multiplicities @ counts).T
    return _divide(2 * tp, 2 * tp + fp + fn)


def interval(replicates: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the 95 % interval of a figure, None where every replicate is undefined."""
    defined = replicates[~np.isnan(replicates)]
    if not defined.size:
        return None
    low, high = np.percentile(defined, PERCENTILES)
    return float(low), float(high)


def mean_over_sites(replicates: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the plain mean over sites of each replicate, nan where no site is defined.

    Args:
        replicates: Site to its replicates of one figure; at least one site.
    """
    by_site = np.stack(list(replicates.values()))
    defined = ~np.isnan(by_site)
    return _divide(np.where(defined, by_site, 0.0).sum(axis=0), defined.sum(axis=0))


def count_rows(notes: Sequence[NoteCounts], *, part: Part, matching: Matching) -> NDArray[np.int64]:
    """Return tp, fp and fn of each note, (notes, 3)."""
    counts = [note.part(part).matched(matching) for note in notes]
    rows = [(count.tp, count.fp, count.fn) for count in counts]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 3)


def f1_intervals(
    notes: Sequence[NoteCounts], multiplicities: NDArray[np.int64]
) -> dict[tuple[Part, Matching], tuple[float, float] | None]:
    """Return the interval of every F1 of one site, as `scoring.site_scores` takes them."""
    return {
        (part, matching): interval(
            f1_replicates(count_rows(notes, part=part, matching=matching), multiplicities)
        )
        for part in PARTS
        for matching in MATCHINGS
    }


def _divide(
    numerator: NDArray[np.int64] | NDArray[np.float64], denominator: NDArray[np.int64]
) -> NDArray[np.float64]:
    quotients = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=quotients, where=denominator != 0)
    return quotients
