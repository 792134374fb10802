"""What reading a site's notes came to: sums over them, as they are and in each draw of a bootstrap.

A coordinator needs no more for scores and their intervals, so no more leaves a site: no text, and
no place in one. The sums do not hide single notes: the draws follow from the run's seed, which the
coordinator knows, so that with more draws than notes tp, fp and fn of each note follow from the
sums, for every figure (`evaluation.intervals.counts_of_notes`).
"""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmedlora.errors import StoreError
from fedmedlora.tasks.counts import (
    MATCHINGS,
    Counts,
    Matching,
    NoteCounts,
    Part,
    from_json,
    to_json,
)

_WIDTH = 3
"""Of a row: tp, fp, fn."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The notes of a site, added up as they are and in each draw of a bootstrap.

    Attributes:
        total: All of them added.
        draws: Figure, see `figures_of`, to its tp, fp and fn in each draw, (replicates, 3); empty
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


def figures_of(counts: NoteCounts) -> tuple[str, ...]:
    """Return the names of what intervals and comparisons of some counts are made of."""
    of_parts = [
        figure_of(part, matching)
        for part, own in counts.parts.items()
        for matching in MATCHINGS
        if matching == "strict" or own.lenient is not None
    ]
    return (*of_parts, *(name for name, (part, _) in _OF_TYPES.items() if part in counts.parts))


def row(counts: NoteCounts, figure: str) -> NDArray[np.int64]:
    """Return tp, fp and fn of a figure, (3,)."""
    found = _counts(counts, figure)
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
        num_notes, total, draws, reliability = value
        whole = from_json(total)
        unpacked = {
            figure: _unpacked(draws[figure]) for figure in figures_of(whole) if figure in draws
        }
        bins = {part: _bins(reliability[part]) for part in whole.parts if part in reliability}
        return Tally(num_notes, whole, unpacked, bins)
    except (TypeError, ValueError, zlib.error) as error:
        message = (
            f"tally: found {type(value).__name__} of another shape, expected [notes, total, "
            "draws, reliability]; it was written by another version or altered"
        )
        raise StoreError(message) from error


_OF_TYPES: Mapping[str, tuple[Part, str]] = {"problem_strict": ("ner", "problem")}
"""Figures of one type of a part."""


def _counts(counts: NoteCounts, figure: str) -> Counts:
    part, type_ = _OF_TYPES.get(figure, ("", ""))
    if part in counts.parts:
        return counts.part(part).by_type.get(type_, Counts())
    part, _, matching = figure.rpartition("_")
    return counts.part(part).matched("lenient" if matching == "lenient" else "strict")


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
