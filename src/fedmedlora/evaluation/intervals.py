"""How sure a figure is: the bootstrap over notes within each site.

A replicate draws, at each site, as many notes as the site has, with replacement, and computes the
figure from them anew. An interval runs from the 2.5th to the 97.5th percentile of the replicates.
Methods are compared on the same draws, so that a note that is hard for both does not widen the
interval of their difference. A draw is kept as how often each note is in it, (replicates, notes).
A replicate whose figure is undefined is nan and is skipped.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 13.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fedmedlora.tasks.counts import MATCHINGS, Matching, NoteCounts, Part
from fedmedlora.tasks.tally import Tally, figure_of, figures_of, row

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


def tally(
    notes: Sequence[NoteCounts],
    multiplicities: NDArray[np.int64],
    reliability: Mapping[Part, NDArray[np.int64]] = MappingProxyType({}),
) -> Tally:
    """Return the notes of a site added up, as they are and in each draw.

    Args:
        multiplicities: How often each note is drawn, (replicates, notes).
        reliability: Their finds by bin of confidence, where these are counted.
    """
    total = sum(notes, NoteCounts())
    rows = {
        figure: np.array([row(note, figure) for note in notes], np.int64)
        for figure in (figures_of(total) if len(multiplicities) else ())
    }
    drawn = {figure: multiplicities @ rows[figure] for figure in rows}
    return Tally(len(notes), total, drawn, reliability)


def counts_of_notes(
    tally: Tally, figure: str, multiplicities: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return tp, fp and fn of each note, (notes, 3), out of what a tally came to in known draws.

    Args:
        multiplicities: The draws of the tally, (replicates, notes), as many as notes or more.

    Raises:
        ValueError: These are not the draws of the tally, or they do not tell the notes apart.
    """
    drawn = tally.rows(figure)
    solved, _, rank, _ = np.linalg.lstsq(
        np.concatenate([np.ones((1, tally.num_notes)), multiplicities]), drawn, rcond=None
    )
    rows: NDArray[np.int64] = np.rint(solved).astype(np.int64)
    if rank < tally.num_notes:
        raise ValueError(f"draws: found {len(multiplicities)} that leave it open, expected more")
    if (rows.sum(axis=0) != drawn[0]).any() or (multiplicities @ rows != drawn[1:]).any():
        raise ValueError("draws: found others than the tally's, expected its own")
    return rows


def micro_f1(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the F1 of each row of tp, fp and fn, (rows, 3); nan where undefined."""
    tp, fp, fn = rows.T
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


def f1_intervals(
    tally: Tally, parts: Sequence[Part]
) -> dict[tuple[Part, Matching], tuple[float, float] | None]:
    """Return the interval of every F1 of some parts of one site, as `site_scores` takes them."""
    return {
        (part, matching): interval(micro_f1(tally.rows(figure_of(part, matching))[1:]))
        for part in parts
        for matching in MATCHINGS
    }


def _divide(
    numerator: NDArray[np.int64] | NDArray[np.float64], denominator: NDArray[np.int64]
) -> NDArray[np.float64]:
    quotients = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=quotients, where=denominator != 0)
    return quotients
