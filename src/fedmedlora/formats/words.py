"""The words of a text by line and word, as formats count that know no characters."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

WordPlace = tuple[int, ...]
"""Line and word of the first word, line and word of the last."""

_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Words:
    """Where each word stands, as characters and as line and word, in the order of the text."""

    spans: Sequence[tuple[int, int]]
    places: Sequence[tuple[int, int]]

    def touched(self, start: int, end: int) -> WordPlace | None:
        """Return the words that a span touches; None where it touches none."""
        first = bisect_right(self.spans, start, key=lambda span: span[1])
        last = bisect_left(self.spans, end, key=lambda span: span[0]) - 1
        return (*self.places[first], *self.places[last]) if first <= last else None

    def span(self, place: WordPlace) -> tuple[int, int] | None:
        """Return where words stand; None where there are none such."""
        first, last = (bisect_left(self.places, place[at : at + 2]) for at in (0, 2))
        ends = [*self.places[first : first + 1], *self.places[last : last + 1]]
        if ends != [place[:2], place[2:]] or first > last:
            return None
        return self.spans[first][0], self.spans[last][1]


def words_of(text: str) -> Words:
    """Return the words of a text: lines end at LF and count from 1, words in them from 0."""
    spans, places, begin = [], [], 0
    for number, line in enumerate(text.split("\n"), start=1):
        for index, word in enumerate(_WORD.finditer(line)):
            spans.append((begin + word.start(), begin + word.end()))
            places.append((number, index))
        begin += len(line) + 1
    return Words(spans, places)
