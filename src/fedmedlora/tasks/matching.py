"""How many findings of one note are right: to the character, or by where they lie.

Strict: same type, same start and end. Lenient: same type and at least one shared character,
matched one to one, the largest overlap first, ties by start and then end. A link matches in
either way where its head and its tail both do; its overlap is the sum of theirs. What was found
twice is right at most once. Swapping gold and predicted changes neither number, and the lenient
one is never below the strict one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

from fedmedlora.tasks.findings import Link, Span

Finding = TypeVar("Finding", Span, Link)


def strict_matches(gold: Sequence[Finding], predicted: Sequence[Finding]) -> int:
    """Return how many predicted findings are gold ones, types and offsets alike."""
    return (Counter(gold) & Counter(predicted)).total()


def lenient_matches(gold: Sequence[Finding], predicted: Sequence[Finding]) -> int:
    """Return how many predicted findings overlap a gold one of their type, each used once."""
    gold_by_kind, predicted_by_kind = _by_kind(gold), _by_kind(predicted)
    return sum(
        _largest_first(gold_by_kind[kind], predicted_by_kind[kind])
        for kind in gold_by_kind.keys() & predicted_by_kind.keys()
    )


def _ends(finding: Span | Link) -> tuple[Span, ...]:
    return (finding,) if isinstance(finding, Span) else (finding.head, finding.tail)


def _by_kind(findings: Sequence[Finding]) -> dict[tuple[str, ...], list[Finding]]:
    kinds: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for finding in findings:
        kinds[tuple(end.type for end in _ends(finding))].append(finding)
    return dict(kinds)


def _largest_first(gold: Sequence[Finding], predicted: Sequence[Finding]) -> int:
    pairs = []
    for g, p in _meeting(gold, predicted):
        overlap = _overlap(gold[g], predicted[p])
        if overlap:
            pairs.append((-overlap, gold[g], predicted[p], g, p))
    used_gold: set[int] = set()
    used_predicted: set[int] = set()
    for *_, g, p in sorted(pairs):
        if g not in used_gold and p not in used_predicted:
            used_gold.add(g)
            used_predicted.add(p)
    return len(used_gold)


def _meeting(gold: Sequence[Finding], predicted: Sequence[Finding]) -> Iterator[tuple[int, int]]:
    """Yield the indices of pairs whose first ends overlap, in one sweep over the text."""
    sides = [[_ends(finding)[0] for finding in side] for side in (gold, predicted)]
    starts = sorted(
        (span.start, side, index)
        for side, spans in enumerate(sides)
        for index, span in enumerate(spans)
    )
    still_open: list[list[int]] = [[], []]
    for start, side, index in starts:
        other = 1 - side
        still_open[other] = [k for k in still_open[other] if sides[other][k].end > start]
        for k in still_open[other]:
            yield (index, k) if side == 0 else (k, index)
        still_open[side].append(index)


def _overlap(one: Finding, other: Finding) -> int:
    """Return the characters that two findings share over their ends, 0 if an end shares none."""
    shared = [
        min(a.end, b.end) - max(a.start, b.start)
        for a, b in zip(_ends(one), _ends(other), strict=True)
    ]
    return sum(shared) if min(shared) > 0 else 0
