"""What extraction got right in a note, and the scores of a site made from it.

    precision = tp / (tp + fp)    recall = tp / (tp + fn)    F1 = 2 tp / (2 tp + fp + fn)

Counts are micro: added over the notes and types of a site before any division. A division by
zero is undefined, None. So F1 is undefined only where there is nothing to find and nothing was
found; it is zero where there is something to find and nothing was.

Three parts are scored: `ner`, main entities; `re`, relations from predicted heads (end to end);
`re_gold`, relations from given gold heads. The guideline share is the part of predicted modifiers
that the guideline lets their head carry; cross relations are not judged.

Source: van Rijsbergen, Information Retrieval (2nd ed., 1979), chapter 7, with equal weights.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args

from fedmedlora.clinical.labels import CROSS_RELATIONS, in_guideline
from fedmedlora.errors import StoreError
from fedmedlora.tasks.findings import Findings, Link, Span
from fedmedlora.tasks.matching import lenient_matches, strict_matches
from fedmedlora.tasks.task import Scores

Part = Literal["ner", "re", "re_gold"]
PARTS: tuple[Part, ...] = get_args(Part)
Matching = Literal["strict", "lenient"]
MATCHINGS: tuple[Matching, ...] = get_args(Matching)

Finding = TypeVar("Finding", Span, Link)


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
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Return the right ones' part of what there was to find."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        """Return the harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


@dataclass(frozen=True, slots=True)
class PartCounts:
    """One part's counts, which add.

    Attributes:
        by_type: Strict counts of each type found or to be found.
        lenient: Lenient counts of all types.
        inside: Predicted modifiers that the guideline lets their head carry.
        modifiers: Predicted modifiers, which are the links other than cross relations.
    """

    by_type: Mapping[str, Counts] = field(default_factory=dict)
    lenient: Counts = Counts()
    inside: int = 0
    modifiers: int = 0

    def __add__(self, other: "PartCounts") -> "PartCounts":
        types = sorted(self.by_type.keys() | other.by_type.keys())
        none = Counts()
        return PartCounts(
            {t: self.by_type.get(t, none) + other.by_type.get(t, none) for t in types},
            self.lenient + other.lenient,
            self.inside + other.inside,
            self.modifiers + other.modifiers,
        )

    def matched(self, matching: Matching) -> Counts:
        """Return the counts of all types under one way of matching."""
        return self.lenient if matching == "lenient" else sum(self.by_type.values(), Counts())


@dataclass(frozen=True, slots=True)
class NoteCounts:
    """The counts of one note, or of several added: what scores and intervals are made from.

    Attributes:
        unaligned: Gold boundaries that lie inside a word.
        lost: How many entities and tails were announced and stand nowhere, by reason.
    """

    ner: PartCounts = PartCounts()
    re: PartCounts = PartCounts()
    re_gold: PartCounts = PartCounts()
    unaligned: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "NoteCounts") -> "NoteCounts":
        return NoteCounts(
            self.ner + other.ner,
            self.re + other.re,
            self.re_gold + other.re_gold,
            self.unaligned + other.unaligned,
            dict(Counter(self.lost) + Counter(other.lost)),
        )

    def part(self, part: Part) -> PartCounts:
        """Return the counts of one part."""
        return {"ner": self.ner, "re": self.re, "re_gold": self.re_gold}[part]


def count_note(gold: Findings, predicted: Findings, *, unaligned: int = 0) -> NoteCounts:
    """Return what a prediction got right in one note."""
    return NoteCounts(
        _spans(gold.entities, predicted.entities),
        _links(gold.links, predicted.links),
        _links(gold.gold_links, predicted.gold_links),
        unaligned,
        dict(Counter(predicted.lost)),
    )


def site_scores(
    total: NoteCounts,
    *,
    num_notes: int,
    split: str,
    parts: Sequence[Part] = PARTS,
    has_relations: bool = True,
    intervals: Mapping[tuple[Part, Matching], tuple[float, float] | None] | None = None,
) -> Scores:
    """Return the scores of one site as they stand in a run's results.

    Args:
        total: The counts of all notes scored.
        num_notes: How many there were.
        split: The split the notes are from.
        parts: What was evaluated; the other parts are None.
        has_relations: Whether the site annotates relations; where not, theirs are None.
        intervals: 95 % intervals of F1; None where not computed or undefined.
    """
    known = parts if has_relations else [part for part in parts if part == "ner"]
    scores: Scores = {
        "split": split,
        "notes": num_notes,
        "unaligned": total.unaligned,
        "lost": dict(sorted(total.lost.items())),
    }
    for part in PARTS:
        scores[part] = _part_scores(part, total, intervals or {}) if part in known else None
    return scores


def to_json(counts: NoteCounts) -> list[Any]:
    """Return counts as the nested lists that the run store keeps."""
    parts = (_part_to_json(counts.part(part)) for part in PARTS)
    return [counts.unaligned, *parts, dict(counts.lost)]


def from_json(value: list[Any]) -> NoteCounts:
    """Return the counts that `to_json` wrote.

    Raises:
        StoreError: The value has another shape.
    """
    try:
        return _note_from_json(*value)
    except (TypeError, ValueError, AttributeError) as error:
        message = (
            f"counts of a note: found {type(value).__name__} of another shape, expected "
            "[unaligned, ner, re, re_gold, lost]; the run was written by another version or altered"
        )
        raise StoreError(message) from error


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _counts(matches: int, gold: Sequence[Finding], predicted: Sequence[Finding]) -> Counts:
    return Counts(matches, len(predicted) - matches, len(gold) - matches)


def _by_type(gold: Sequence[Finding], predicted: Sequence[Finding]) -> dict[str, Counts]:
    by_type = {}
    for type_ in sorted({finding.type for finding in (*gold, *predicted)}):
        gold_of_it = [finding for finding in gold if finding.type == type_]
        predicted_of_it = [finding for finding in predicted if finding.type == type_]
        matches = strict_matches(gold_of_it, predicted_of_it)
        by_type[type_] = _counts(matches, gold_of_it, predicted_of_it)
    return by_type


def _spans(gold: Sequence[Span], predicted: Sequence[Span]) -> PartCounts:
    lenient = _counts(lenient_matches(gold, predicted), gold, predicted)
    return PartCounts(_by_type(gold, predicted), lenient)


def _links(gold: Sequence[Link], predicted: Sequence[Link]) -> PartCounts:
    lenient = _counts(lenient_matches(gold, predicted), gold, predicted)
    modifiers = [link for link in predicted if link.type not in CROSS_RELATIONS]
    inside = sum(in_guideline(link.head.type, link.type) for link in modifiers)
    return PartCounts(_by_type(gold, predicted), lenient, inside, len(modifiers))


def _part_scores(
    part: Part,
    total: NoteCounts,
    intervals: Mapping[tuple[Part, Matching], tuple[float, float] | None],
) -> Scores:
    counts = total.part(part)
    scores: Scores = {}
    for matching in MATCHINGS:
        interval = intervals.get((part, matching))
        figures = _figures(counts.matched(matching))
        scores[matching] = {**figures, "ci95": None if interval is None else list(interval)}
    scores["by_type"] = {type_: _figures(of_it) for type_, of_it in counts.by_type.items()}
    if part != "ner":
        scores["guideline_share"] = _ratio(counts.inside, counts.modifiers)
    return scores


def _figures(counts: Counts) -> Scores:
    return {
        "tp": counts.tp,
        "fp": counts.fp,
        "fn": counts.fn,
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
    }


def _part_to_json(counts: PartCounts) -> list[Any]:
    by_type = {type_: [c.tp, c.fp, c.fn] for type_, c in counts.by_type.items()}
    lenient = [counts.lenient.tp, counts.lenient.fp, counts.lenient.fn]
    return [by_type, lenient, counts.inside, counts.modifiers]


def _note_from_json(
    unaligned: int,
    ner: list[Any],
    re: list[Any],
    re_gold: list[Any],
    # Missing in runs from before it was counted.
    lost: Mapping[str, int] | None = None,
) -> NoteCounts:
    in_parts = (_part_from_json(*ner), _part_from_json(*re), _part_from_json(*re_gold))
    return NoteCounts(*in_parts, unaligned, dict(lost or {}))


def _part_from_json(
    by_type: Mapping[str, list[int]], lenient: list[int], inside: int, modifiers: int
) -> PartCounts:
    strict = {type_: Counts(*row) for type_, row in by_type.items()}
    return PartCounts(strict, Counts(*lenient), inside, modifiers)
