"""A window of a note and what is asked of it: what every formulation starts from.

    Reading (window, types asked, head) ── formulation.example ──► Example (token ids, targets)
    model output                        ── formulation.found ────► Found (characters of the note)

`tagging` labels the window's own tokens; `markup` writes the window again. Both read a note
that was cut into tokens once, so boundaries are the tokens' own in training and in use alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fedmedlora.tasks.findings import Found, Lost, Span
from fedmedlora.tasks.task import ExampleT_co, Tokens


@dataclass(frozen=True, slots=True)
class Reading:
    """One window of a note, and what is asked of it.

    Attributes:
        tokens: The whole note's tokens.
        first: First token of the window.
        last: One past the last token of the window.
        types: The types asked for; all others are unknown.
        head: The main entity whose relations are asked for, or None where entities are.
    """

    tokens: Tokens
    first: int
    last: int
    types: tuple[str, ...]
    head: Span | None = None


class Formulation(Protocol[ExampleT_co]):
    """How a reading is put to a model and its output read back."""

    @property
    def types(self) -> tuple[str, ...]:
        """Return every type the formulation can ask for."""
        ...

    def example(self, reading: Reading, gold: Sequence[Span]) -> ExampleT_co:
        """Return the model's input for a reading, with the gold spans as its target."""
        ...

    def found(self, reading: Reading, output: NDArray[np.int64]) -> Found:
        """Return what a model's output announces. Never raises on what a model says."""
        ...

    def num_positions(self, window_tokens: int) -> int:
        """Return how many tokens a model must be able to read at once, for windows of a length."""
        ...


def covered_tokens(reading: Reading, span: Span) -> tuple[int, int] | None:
    """Return the window's tokens that a span touches, as (first, past the last).

    None where the span touches no token of the window.
    """
    touched = [
        index
        for index in range(reading.first, reading.last)
        if max(reading.tokens.offsets[index][0], span.start)
        < min(reading.tokens.offsets[index][1], span.end)
    ]
    return (touched[0], touched[-1] + 1) if touched else None


def is_cut(span: Span, reading: Reading) -> bool:
    """Return whether a span goes on beyond the window."""
    offsets = reading.tokens.offsets
    return span.start < offsets[reading.first][0] or span.end > offsets[reading.last - 1][1]


def inked(reading: Reading, first: int, last: int) -> tuple[int, int] | None:
    """Return the characters of some tokens of the window; None where none has any.

    Tokens of white space alone have no characters: they neither begin nor end a span.

    Args:
        reading: The window.
        first: First token, counted from the window's first.
        last: One past the last.
    """
    offsets = reading.tokens.offsets[reading.first + first : reading.first + last]
    own = [(start, end) for start, end in offsets if start < end]
    return (own[0][0], own[-1][1]) if own else None


def announced(reading: Reading, first: int, last: int, type_: str) -> Span | Lost:
    """Return the span of some tokens of the window, counted from its first, if they have text."""
    characters = inked(reading, first, last)
    return Span(*characters, type_) if characters else "no_text"


def num_unaligned(tokens: Tokens, spans: Iterable[Span]) -> int:
    """Return how many boundaries of some spans, two each, are not those of a token."""
    # A token of white space alone has no characters, so nothing begins or ends with it.
    starts = {start for start, end in tokens.offsets if start < end}
    ends = {end for start, end in tokens.offsets if start < end}
    return sum((span.start not in starts) + (span.end not in ends) for span in spans)
