"""What a task got right in a note, and the scores of a site made from it.

    precision = tp / (tp + fp)    recall = tp / (tp + fn)    F1 = 2 tp / (2 tp + fp + fn)

Counts are micro: added over the notes and types of a site before any division. A division by
zero is undefined, None. So F1 is undefined only where there is nothing to find and nothing was
found; it is zero where there is something to find and nothing was.

A figure that is a mean over notes is such counts too. A note's score s, 0 to 1, in N-ths is sN
right, and N - sN both wrong and missed; then the F1 of many notes is the mean of their scores:

    F1 = 2 sum(sN) / (2 sum(sN) + 2 sum(N - sN)) = sum(s) / notes

Source: van Rijsbergen, Information Retrieval (2nd ed., 1979), chapter 7, with equal weights.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from fedmedlora.errors import StoreError

Part = str
"""What of a task is scored by itself, as its entities or its relations."""
Matching = Literal["strict", "lenient"]
MATCHINGS: tuple[Matching, ...] = get_args(Matching)

Scores = dict[str, Any]
"""The scores of one site, ready for JSON; extraction's are in docs/method.md."""

_BY_TYPE = "by_type"
_STEPS = 10_000
"""In so many parts the score of a note is told, where a figure is a mean over notes."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Right, wrong and missed findings, which add."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float | None:
        """Return the right ones' part of what was found."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Return the right ones' part of what there was to find."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        """Return the harmonic mean of precision and recall."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


@dataclass(frozen=True, slots=True)
class PartCounts:
    """One part's counts, which add.

    Attributes:
        by_type: Strict counts of each type found or to be found.
        lenient: Lenient counts of all types; None of a part that matches in one way alone.
        shares: Name to how many of some finds are of a kind, and how many there are.
    """

    by_type: Mapping[str, Counts] = field(default_factory=dict)
    lenient: Counts | None = None
    shares: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __add__(self, other: "PartCounts") -> "PartCounts":
        return PartCounts(
            _summed(self.by_type, other.by_type),
            _lenient([counts for counts in (self.lenient, other.lenient) if counts is not None]),
            _shares([self.shares, other.shares]),
        )

    def matched(self, matching: Matching) -> Counts:
        """Return the counts of all types under one way of matching."""
        if matching == "lenient":
            return self.lenient or Counts()
        return sum(self.by_type.values(), Counts())


@dataclass(frozen=True, slots=True)
class NoteCounts:
    """The counts of one note, or of several added: what scores and intervals are made from.

    Attributes:
        parts: What each part came to; one that is not in here has nothing.
        unaligned: Gold boundaries that lie inside a word.
        lost: How much was announced and counts for nothing, by reason.
    """

    parts: Mapping[Part, PartCounts] = field(default_factory=dict)
    unaligned: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "NoteCounts") -> "NoteCounts":
        # In the order of the first note, which is that of the task.
        names = dict.fromkeys((*self.parts, *other.parts))
        return NoteCounts(
            {name: self.part(name) + other.part(name) for name in names},
            self.unaligned + other.unaligned,
            dict(Counter(self.lost) + Counter(other.lost)),
        )

    def part(self, part: Part) -> PartCounts:
        """Return the counts of one part."""
        return self.parts.get(part, PartCounts())


def score_counts(score: float) -> PartCounts:
    """Return the counts of one note whose figure is a mean over notes.

    Args:
        score: Of the note, 0 to 1; told to a ten-thousandth.
    """
    right = round(score * _STEPS)
    return PartCounts({"all": Counts(right, _STEPS - right, _STEPS - right)})


def ratio(part: int, whole: int) -> float | None:
    """Return a part of a whole; None of nothing."""
    return part / whole if whole else None


def site_scores(
    total: NoteCounts,
    *,
    num_notes: int,
    split: str,
    parts: Sequence[Part],
    scored: Sequence[Part],
    intervals: Mapping[tuple[Part, Matching], tuple[float, float] | None] | None = None,
) -> Scores:
    """Return the scores of one site as they stand in a run's results.

    Args:
        total: The counts of all notes scored.
        num_notes: How many there were.
        split: The split the notes are from.
        parts: All that the task has.
        scored: What was looked at, where the site knows it; the other parts are None.
        intervals: 95 % intervals of F1; None where not computed or undefined.
    """
    scores: Scores = {
        "split": split,
        "notes": num_notes,
        "unaligned": total.unaligned,
        "lost": dict(sorted(total.lost.items())),
    }
    for part in parts:
        scores[part] = _part_scores(part, total, intervals or {}) if part in scored else None
    return scores


def to_json(counts: NoteCounts) -> list[Any]:
    """Return counts as the nested lists that the run store keeps."""
    parts = {name: _part_to_json(part) for name, part in counts.parts.items()}
    return [counts.unaligned, parts, dict(counts.lost)]


def from_json(value: list[Any]) -> NoteCounts:
    """Return the counts that `to_json` wrote.

    Raises:
        StoreError: The value has another shape.
    """
    try:
        unaligned, parts, lost = value
        read = {str(name): _part_from_json(*part) for name, part in parts.items()}
        return NoteCounts(
            read, _number(unaligned), {str(why): _number(n) for why, n in lost.items()}
        )
    except (TypeError, ValueError, AttributeError) as error:
        message = (
            f"counts of a note: found {type(value).__name__} of another shape, expected "
            "[unaligned, parts, lost]; the run was written by another version or altered"
        )
        raise StoreError(message) from error


def _summed(own: Mapping[str, Counts], others: Mapping[str, Counts]) -> dict[str, Counts]:
    none = Counts()
    return {
        name: own.get(name, none) + others.get(name, none)
        for name in sorted(own.keys() | others.keys())
    }


def _shares(each: Sequence[Mapping[str, tuple[int, int]]]) -> dict[str, tuple[int, int]]:
    added: dict[str, tuple[int, int]] = {}
    for shares in each:
        for name, (of_it, of_all) in shares.items():
            before = added.get(name, (0, 0))
            added[name] = (before[0] + of_it, before[1] + of_all)
    return added


def _lenient(known: Sequence[Counts]) -> Counts | None:
    return sum(known, Counts()) if known else None


def _part_scores(
    part: Part,
    total: NoteCounts,
    intervals: Mapping[tuple[Part, Matching], tuple[float, float] | None],
) -> Scores:
    counts = total.part(part)
    scores: Scores = {}
    for matching in MATCHINGS:
        if matching == "lenient" and counts.lenient is None:
            continue
        interval = intervals.get((part, matching))
        figures = _figures(counts.matched(matching))
        scores[matching] = {**figures, "ci95": None if interval is None else list(interval)}
    scores[_BY_TYPE] = {type_: _figures(of_it) for type_, of_it in counts.by_type.items()}
    return {**scores, **{name: ratio(*share) for name, share in counts.shares.items()}}


def _figures(counts: Counts) -> Scores:
    return {
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
    }


def _row(counts: Counts) -> list[int]:
    return [counts.tp, counts.fp, counts.fn]


def _part_to_json(counts: PartCounts) -> list[Any]:
    by_type = {type_: _row(of_it) for type_, of_it in counts.by_type.items()}
    lenient = None if counts.lenient is None else _row(counts.lenient)
    return [by_type, lenient, {name: list(share) for name, share in counts.shares.items()}]


def _part_from_json(
    by_type: Mapping[str, list[int]],
    lenient: list[int] | None,
    shares: Mapping[str, Sequence[int]],
) -> PartCounts:
    strict = {str(type_): _counts(row) for type_, row in by_type.items()}
    read = {str(name): (_number(it), _number(whole)) for name, (it, whole) in shares.items()}
    if taken := read.keys() & {*MATCHINGS, _BY_TYPE}:
        raise ValueError(f"shares: found {len(taken)} with the name of scores, expected others")
    return PartCounts(strict, None if lenient is None else _counts(lenient), read)


def _counts(row: Sequence[int]) -> Counts:
    return Counts(*map(_number, row))


def _number(value: object) -> int:
    # What a site sends is added to what others did, and divided.
    if not isinstance(value, int) or value < 0:
        raise ValueError("counts: found something else, expected whole numbers, 0 or more")
    return value
