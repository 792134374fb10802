"""What reading a site's notes came to: sums over them, as they are and in each draw of a bootstrap.

A coordinator needs no more for scores and their intervals, so no more leaves a site: no text, and
no place in one. The sums do not hide single notes: the draws follow from the run's seed, which the
coordinator knows, so that with more draws than notes tp, fp and fn of each note follow from the
sums, for every figure (`evaluation.intervals.counts_of_notes`).
"""

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmedlora.errors import StoreError
from fedmedlora.tasks.scoring import (
    MATCHINGS,
    PARTS,
    Counts,
    Matching,
    NoteCounts,
    Part,
    from_json,
    to_json,
)

_WIDTH = 3
"""Of a row: tp, fp, fn."""
_PARTS = 4


@dataclass(frozen=True, slots=True)
class Tally:
    """The notes of a site, added up as they are and in each draw of a bootstrap.

    Attributes:
        total: All of them added.
        draws: Figure, see `FIGURES`, to its tp, fp and fn in each draw, (replicates, 3); empty
            where no draws were asked for.
        reliability: Part to how many finds each bin of confidence has, and how many of them are
            right, (bins, 2), see `evaluation.calibration`; empty where that was not asked for.
    """

    num_notes: int
    total: NoteCounts
    draws: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    reliability: Mapping[Part, NDArray[np.int64]] = field(default_factory=dict)

    def rows(self, figure: str) -> NDArray[np.int64]:
        """Return tp, fp and fn of a figure, as it is and then in each draw, (1 + replicates, 3)."""
        drawn = self.draws.get(figure, np.zeros((0, _WIDTH), np.int64))
        return np.concatenate([row(self.total, figure)[None], drawn])


def figure_of(part: Part, matching: Matching) -> str:
    """Return the name of what a part comes to under one way of matching."""
    return f"{part}_{matching}"


def row(counts: NoteCounts, figure: str) -> NDArray[np.int64]:
    """Return tp, fp and fn of a figure, (3,)."""
    found = FIGURES[figure](counts)
    return np.array([found.tp, found.fp, found.fn], np.int64)


def tally_to_json(tally: Tally) -> list[Any]:
    """Return a tally as plain values for JSON; the draws as text, for they are many."""
    draws = {figure: _packed(rows) for figure, rows in tally.draws.items()}
    reliability = {part: rows.tolist() for part, rows in tally.reliability.items()}
    return [tally.num_notes, to_json(tally.total), draws, reliability]


def tally_from_json(value: list[Any]) -> Tally:
    """Return the tally that `tally_to_json` wrote.

    Raises:
        StoreError: The value has another shape.
    """
    try:
        # Runs from before it was counted have no reliability.
        num_notes, total, draws, reliability = value if len(value) == _PARTS else (*value, {})
        unpacked = {figure: _unpacked(draws[figure]) for figure in FIGURES if figure in draws}
        bins = {part: _bins(reliability[part]) for part in PARTS if part in reliability}
        return Tally(num_notes, from_json(total), unpacked, bins)
    except (TypeError, ValueError, zlib.error) as error:
        message = (
            f"tally: found {type(value).__name__} of another shape, expected [notes, total, "
            "draws, reliability]; it was written by another version or altered"
        )
        raise StoreError(message) from error


def _problem(counts: NoteCounts) -> Counts:
    return counts.ner.by_type.get("problem", Counts())


def _matched(part: Part, matching: Matching) -> Callable[[NoteCounts], Counts]:
    return lambda counts: counts.part(part).matched(matching)


FIGURES: Mapping[str, Callable[[NoteCounts], Counts]] = {
    **{
        figure_of(part, matching): _matched(part, matching)
        for part in PARTS
        for matching in MATCHINGS
    },
    "problem_strict": _problem,
}
"""What intervals and comparisons are made of, by name."""


def _packed(rows: NDArray[np.int64]) -> str:
    return base64.b64encode(zlib.compress(rows.astype("<u4").tobytes())).decode()


def _unpacked(text: str) -> NDArray[np.int64]:
    values = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<u4")
    return values.reshape(-1, _WIDTH).astype(np.int64)


def _bins(rows: list[list[int]]) -> NDArray[np.int64]:
    found, right = np.array(rows, np.int64).T
    if (right < 0).any() or (found < right).any():
        raise ValueError("bins: found others, expected no more that are right than there are")
    return np.stack([found, right], axis=1)
