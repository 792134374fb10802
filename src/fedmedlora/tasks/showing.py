"""Which examples a model is shown before it is asked: few, that show much between them.

The one with the most types that none before it has comes first, of equals the first; once every
type was shown they count anew. One that takes more tokens than are left is passed over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """An example that may be shown.

    Attributes:
        types: Of what its answer holds.
        num_tokens: That showing it takes.
    """

    example: T
    types: frozenset[str]
    num_tokens: int


def to_show(candidates: Iterable[Candidate[T]], *, number: int, num_tokens: float) -> tuple[T, ...]:
    """Return the examples to show.

    Args:
        candidates: Those there are.
        number: The most that are wanted.
        num_tokens: The most tokens that they may take.
    """
    left, chosen = list(candidates), list[T]()
    shown: frozenset[str] = frozenset()
    while len(chosen) < number:
        left = [one for one in left if one.num_tokens <= num_tokens]
        best = _most_new(left, shown)
        if best is None:
            break
        shown = shown | best.types if best.types - shown else best.types
        num_tokens -= best.num_tokens
        chosen.append(best.example)
        left.remove(best)
    return tuple(chosen)


def _most_new(candidates: Sequence[Candidate[T]], shown: frozenset[str]) -> Candidate[T] | None:
    if not any(one.types - shown for one in candidates):
        shown = frozenset()
    return max(candidates, key=lambda one: len(one.types - shown), default=None)
