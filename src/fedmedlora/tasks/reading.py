"""A window of a note and what is asked of it: what every formulation starts from.

    Reading (window, types asked, head) ── formulation.example ──► Example (token ids, targets)
    model output                        ── formulation.found ────► Found (characters of the note)

`tagging` labels the window's own words; `markup` writes the window again. Both read a note that
was cut into tokens once, and a span begins and ends with a word of those, in training and in use
alike.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fedmedlora.tasks.findings import Found, Lost, Span
from fedmedlora.tasks.task import ExampleT, Tokens

_NUMBER = re.compile(r"\d(?:[.,]?\d)+")


@dataclass(frozen=True)
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

    @cached_property
    def words(self) -> list[tuple[int, int]]:
        """Return the window's words, each as (first token, past its last).

        Tokens are counted from the window's first, here and wherever a reading's are spoken of.
        """
        own = words(self.tokens, self.first, self.last)
        return [(first - self.first, last - self.first) for first, last in own]

    @cached_property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """Return the characters of each of the window's tokens in the note, (start, end)."""
        return self.tokens.offsets[self.first : self.last]


class Formulation(Protocol[ExampleT]):
    """How a reading is put to a model and its output read back."""

    @property
    def types(self) -> tuple[str, ...]:
        """Return every type the formulation can ask for."""
        ...

    def example(self, reading: Reading, gold: Sequence[Span]) -> ExampleT:
        """Return the model's input for a reading, with the gold spans as its target."""
        ...

    def found(self, reading: Reading, output: NDArray[np.int64]) -> Found:
        """Return what a model's output announces. Never raises on what a model says."""
        ...

    def num_positions(self, window_tokens: int) -> int:
        """Return how many tokens a model must be able to read at once, for windows of a length."""
        ...

    def spare(self, window_tokens: int) -> float:
        """Return how many tokens are left for examples that are shown before a window."""
        ...

    def num_shown(self, example: ExampleT) -> int:
        """Return how many tokens showing an example takes."""
        ...

    def behind(self, example: ExampleT, shown: Sequence[ExampleT]) -> ExampleT:
        """Return an example that comes behind others, which are shown with their answers."""
        ...


def words(tokens: Tokens, first: int, last: int) -> list[tuple[int, int]]:
    """Return the words of some tokens, each as (first token, past its last).

    A token goes on with a word where a letter stands on either side of its start, inside a number
    ("47.5", "1,200"), or where it shares a character with the token before. What is neither (a
    hyphen, white space) begins a word, as does every letter of a script without upper and lower
    case, for such scripts may put no space between words.
    """
    begun: list[int] = []
    past = 0
    for index in range(first, last):
        start, end = tokens.offsets[index]
        touch = 0 < start < end and _is_inside(tokens.text, start)
        if not begun or not (touch or start < past):
            begun.append(index)
        past = end
    return [*pairwise([*begun, last])]


def covered_words(reading: Reading, span: Span) -> tuple[int, int] | None:
    """Return the words of the window that a span touches, as (first, past the last).

    None where the span touches no token of the window.
    """
    offsets = reading.offsets
    touched = [
        index
        for index, (first, last) in enumerate(reading.words)
        if max(offsets[first][0], span.start) < min(offsets[last - 1][1], span.end)
    ]
    return (touched[0], touched[-1] + 1) if touched else None


def covered_tokens(reading: Reading, span: Span) -> tuple[int, int] | None:
    """Return the tokens of the words of the window that a span touches, as (first, past the last).

    None where the span touches no token of the window.
    """
    covered = covered_words(reading, span)
    return covered and (reading.words[covered[0]][0], reading.words[covered[1] - 1][1])


def is_cut(span: Span, reading: Reading) -> bool:
    """Return whether a span goes on beyond the window."""
    return span.start < reading.offsets[0][0] or span.end > reading.offsets[-1][1]


def inked(reading: Reading, first: int, last: int) -> tuple[int, int] | None:
    """Return the characters of some tokens of the window, (first, past the last); None of none.

    Tokens of white space alone have no characters: they neither begin nor end a span.
    """
    own = [(start, end) for start, end in reading.offsets[first:last] if start < end]
    return (own[0][0], own[-1][1]) if own else None


def announced(reading: Reading, first: int, last: int, type_: str) -> Span | Lost:
    """Return the span of some tokens of the window, if they have text."""
    characters = inked(reading, first, last)
    return Span(*characters, type_) if characters else "no_text"


def num_unaligned(tokens: Tokens, spans: Iterable[Span]) -> int:
    """Return how many boundaries of some spans, two each, are not those of a word."""
    edges = [
        (tokens.offsets[first][0], tokens.offsets[last - 1][1])
        for first, last in words(tokens, 0, len(tokens.ids))
    ]
    # A token of white space alone has no characters, so nothing begins or ends with it.
    starts = {start for start, end in edges if start < end}
    ends = {end for start, end in edges if start < end}
    return sum((span.start not in starts) + (span.end not in ends) for span in spans)


def _is_inside(text: str, place: int) -> bool:
    """Return whether letters stand on either side of a place, or signs of one number."""
    first = max(place - 2, 0)
    around, cut = text[first : place + 2], place - first
    if all(map(_is_cased, text[place - 1 : place + 1])):
        return True
    return any(found.start() < cut < found.end() for found in _NUMBER.finditer(around))


def _is_cased(letter: str) -> bool:
    return letter.isupper() or letter.islower()
