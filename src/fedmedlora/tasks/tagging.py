"""Extraction as tagging: one B/I/O channel per type over the words of the window.

    channel drug        O  O  B    I    .   O   O   O
    channel dosage      O  O  O    O    .   O   B   I
    tokens              On a  beta bloc ker at  50  mg

A word is tagged at its first token and its other tokens are left out, of the loss too, so that no
span can end inside a word.

A head is marked in the input by its type and brackets, `[drug beta block]`: tokens every
pretrained vocabulary knows. Types that a site does not annotate are left out of the loss. Of two
nested spans of one type the longer stays; spans of different types may nest freely. A span that
lies in the window only in part is left out of the target, and its words out of the loss.

Source: BIO tagging, Ramshaw and Marcus, Text Chunking using Transformation-Based Learning (1995);
an I that follows no B opens a span, as in the CoNLL-2000 evaluation. A word's first token stands
for it: Devlin et al., BERT (arXiv 1810.04805), section 5.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmedlora.tasks.findings import Found, Span, gathered
from fedmedlora.tasks.heads import laid_out, num_head_marks
from fedmedlora.tasks.reading import Reading, announced, covered_words, is_cut
from fedmedlora.tasks.task import Tokenizer

IGNORED = -100
"""The target of a position that the loss must not look at."""

OUTSIDE, BEGIN, INSIDE = 0, 1, 2
NUM_TAGS = 3


@dataclass(frozen=True, slots=True)
class TaggingExample:
    """Tokens and their tags.

    Attributes:
        input_ids: Token ids, (length,).
        targets: (length, channels) int64; `IGNORED` where the loss must not look.
    """

    input_ids: tuple[int, ...]
    targets: NDArray[np.int64]

    @property
    def num_label_tokens(self) -> int:
        """Return the number of positions with at least one target."""
        known = self.targets != IGNORED
        return int(known.reshape(len(self.input_ids), -1).any(axis=1).sum())

    @property
    def alike(self) -> tuple[int, ...]:
        """Return the length."""
        return (len(self.input_ids),)

    @property
    def ideal(self) -> NDArray[np.int64]:
        """Return the tags, outside where none is asked for."""
        return np.where(self.targets == IGNORED, OUTSIDE, self.targets)


@dataclass(frozen=True, slots=True)
class Tagging:
    """The tagging formulation.

    Attributes:
        types: One channel each, in this order; the union of what an experiment's sites annotate.
        tokenizer: The base model's own.
    """

    types: tuple[str, ...]
    tokenizer: Tokenizer

    def example(self, reading: Reading, gold: Sequence[Span]) -> TaggingExample:
        """Return a window's token ids and its tags, (length, channels)."""
        input_ids, positions = self._layout(reading)
        targets = np.full((len(input_ids), len(self.types)), IGNORED, dtype=np.int64)
        asked = [self.types.index(type_) for type_ in reading.types]
        targets[np.ix_(positions, asked)] = OUTSIDE
        for type_, channel in zip(reading.types, asked, strict=True):
            own = [span for span in gold if span.type == type_]
            for first, last in _cut(own, reading):
                targets[positions[first:last], channel] = IGNORED
            for first, last in _kept(own, reading):
                targets[positions[first:last], channel] = INSIDE
                targets[positions[first], channel] = BEGIN
        return TaggingExample(tuple(input_ids), targets)

    def found(self, reading: Reading, output: NDArray[np.int64]) -> Found:
        """Return the spans that tags (length, channels) stand for.

        What made a span is the tags of its words and of the word behind it, which ends it.
        """
        _, positions = self._layout(reading)
        runs = [
            (first, last, channel)
            for channel in map(self.types.index, reading.types)
            for first, last in _runs(output[positions, channel])
        ]
        words = reading.words
        spans = [
            announced(reading, words[first][0], words[last - 1][1], self.types[channel])
            for first, last, channel in runs
        ]
        decided = [(positions[first : last + 1], channel) for first, last, channel in runs]
        return gathered(spans, decided)

    def num_positions(self, window_tokens: int) -> int:
        """Return the most tokens of an example, for windows of a length."""
        around = len(self.tokenizer.prefix) + len(self.tokenizer.suffix)
        return around + window_tokens + num_head_marks(self.tokenizer)

    def spare(self, window_tokens: int) -> float:
        """Return 0: a tagger reads nothing but the window."""
        del window_tokens
        return 0

    def num_shown(self, example: TaggingExample) -> int:
        """Return the example's length."""
        return len(example.input_ids)

    def behind(self, example: TaggingExample, shown: Sequence[TaggingExample]) -> TaggingExample:
        """Return the example itself, behind none.

        Raises:
            ValueError: Some are to be shown.
        """
        if shown:
            raise ValueError("a tagger reads nothing but the window")
        return example

    def _layout(self, reading: Reading) -> tuple[list[int], list[int]]:
        """Return the input ids and, for each word of the window, the place of its tag."""
        ids, places = laid_out(reading, self.tokenizer)
        before = self.tokenizer.prefix
        tagged = [len(before) + places[word] for word, _ in reading.words]
        return [*before, *ids, *self.tokenizer.suffix], tagged


def _kept(spans: Sequence[Span], reading: Reading) -> list[tuple[int, int]]:
    """Return the words of one channel's spans: the longer first, the nested left out."""
    free = np.ones(len(reading.words), dtype=bool)
    kept = []
    whole = [span for span in spans if not is_cut(span, reading)]
    for span in sorted(whole, key=lambda span: (span.start - span.end, span.start)):
        for first, last in _ranges([span], reading):
            if free[first:last].all():
                free[first:last] = False
                kept.append((first, last))
    return kept


def _cut(spans: Sequence[Span], reading: Reading) -> list[tuple[int, int]]:
    """Return the words of the spans that go on beyond the window."""
    return _ranges([span for span in spans if is_cut(span, reading)], reading)


def _ranges(spans: Sequence[Span], reading: Reading) -> list[tuple[int, int]]:
    """Return the words of the window that each span touches."""
    covered = [covered_words(reading, span) for span in spans]
    return [words for words in covered if words is not None]


def _runs(tags: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the (first, past the last) of each B I I ... run in a channel."""
    runs: list[tuple[int, int]] = []
    previous = OUTSIDE
    for index, tag in enumerate(tags):
        if tag == BEGIN or (tag == INSIDE and previous == OUTSIDE):
            runs.append((index, index + 1))
        elif tag == INSIDE:
            runs[-1] = (runs[-1][0], index + 1)
        previous = int(tag)
    return runs
