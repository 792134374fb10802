"""The training stream: windows of tokens, each a function of its number alone.

A window is filled from its start with kinds drawn at random; an exercise that no longer fits gives
way to text. Because a window depends on nothing but the seed and its number, training can stop
after any step and go on with the same bytes. In windows of 1,024 about

    51 %   of the tokens are text               4 %   copying random tokens
     9 %   copying text                        10 %   marking what is written out
    26 %   marking what is like some examples

Lengths of exercises are drawn evenly on a logarithmic scale: fixed ones teach distances only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmedlora.pretraining.exercises import Encode, Exercise, copying, marking, word_ranges
from fedmedlora.pretraining.gaps import PIECE, hidden_words
from fedmedlora.pretraining.likeness import marking_alike
from fedmedlora.pretraining.word_classes import WordClasses

TEXT, COPY_RANDOM, COPY_TEXT = "text", "copy random", "copy text"
MARK, MARK_ALIKE = "mark", "mark alike"
CHANCES: Mapping[str, float] = {
    TEXT: 0.32,
    COPY_RANDOM: 0.06,
    COPY_TEXT: 0.14,
    MARK: 0.13,
    MARK_ALIKE: 0.35,
}
_KINDS, _CHANCES = list(CHANCES), list(CHANCES.values())
_SHORTEST, _LONGEST_PART, _LONGEST_ALIKE = 4, 0.45, 128
_TEXT_PIECE = 256


@dataclass(frozen=True, slots=True)
class Alphabet:
    """What the stream must know of a vocabulary.

    Attributes:
        encode: Cuts a text into ids, with nothing around them.
        texts: Each token's characters, by id.
        pad_id: Stands in no text.
        begin_id: Stands before every document and exercise.
        end_id: Stands behind them.
        num_special: Ids below it are no text.
        mark_ids: The parts of marks.
    """

    encode: Encode
    texts: Sequence[str]
    pad_id: int
    begin_id: int
    end_id: int
    num_special: int
    mark_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """Windows made from one long text.

    Attributes:
        text: Token ids of all documents, each with begin and end around it, (tokens,).
        alphabet: The vocabulary they were cut with.
        classes: Which of its words are used alike.
        window: Tokens in a window.
        seed: Another seed gives other windows.
    """

    text: NDArray[np.uint16]
    alphabet: Alphabet
    classes: WordClasses
    window: int
    seed: int

    def windows(self, numbers: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return token ids and whether each is learnt, (windows, window) both."""
        made = [self._made(number) for number in numbers]
        return np.array([ids for ids, _ in made], np.int64), np.array([known for _, known in made])

    def gapped(
        self, numbers: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
        """Return text with some words hidden, to be read both ways, in pieces of each window.

        Returns:
            Token ids, whether each is learnt, and what is seen in place of it, all three
            (pieces, tokens of a piece).
        """
        length = min(PIECE, self.window)
        pieces, hidden = [], []
        for number in numbers:
            rng = np.random.default_rng([self.seed, number])
            for _ in range(self.window // length):
                piece = self._piece(length, rng).astype(np.int64)
                texts = [self.alphabet.texts[id_] for id_ in piece]
                pieces.append(piece)
                hidden.append(hidden_words(piece, texts, self.alphabet.num_special, rng))
        ids, learnt = np.array(pieces), np.array(hidden)
        return ids, learnt, np.where(learnt, self.alphabet.pad_id, ids)

    def _made(self, number: int) -> tuple[list[int], list[bool]]:
        rng = np.random.default_rng([self.seed, number])
        ids: list[int] = []
        learnt: list[bool] = []
        while len(ids) < self.window:
            room = self.window - len(ids)
            item = self._item(str(rng.choice(_KINDS, p=_CHANCES)), rng)
            if len(item.ids) > room:
                item = self._read(min(room, _TEXT_PIECE), rng)
            ids += item.ids
            learnt += item.is_learnt
        return ids, learnt

    def exercise(self, kind: str, length: int, rng: np.random.Generator) -> Exercise:
        """Return an exercise of a kind over a text of a length, with its begin in front."""
        end_id, encode = self.alphabet.end_id, self.alphabet.encode
        if kind == COPY_RANDOM:
            random = rng.integers(self.alphabet.num_special, len(self.alphabet.texts), length)
            made = copying(random.tolist(), encode, end_id=end_id, is_language=False, rng=rng)
        elif kind == COPY_TEXT:
            text = self._plain(length, rng)
            made = copying(text, encode, end_id=end_id, is_language=True, rng=rng)
        elif kind == MARK_ALIKE:
            text = self._plain(min(length, _LONGEST_ALIKE), rng)
            made = marking_alike(
                text, self.alphabet.texts, self.classes, encode, end_id=end_id, rng=rng
            )
        else:
            text = self._plain(length, rng)
            words = word_ranges([self.alphabet.texts[id_] for id_ in text])
            made = marking(text, words, encode, end_id=end_id, rng=rng)
        return Exercise((self.alphabet.begin_id, *made.ids), (False, *made.is_learnt))

    def _item(self, kind: str, rng: np.random.Generator) -> Exercise:
        if kind == TEXT:
            return self._read(_TEXT_PIECE, rng)
        longest = _LONGEST_PART * self.window
        return self.exercise(
            kind, int(np.exp(rng.uniform(np.log(_SHORTEST), np.log(longest)))), rng
        )

    def _read(self, length: int, rng: np.random.Generator) -> Exercise:
        """Return a piece of the text, which may begin and end anywhere."""
        piece = self._piece(length, rng).tolist()
        learnt = (i > 0 and id_ != self.alphabet.begin_id for i, id_ in enumerate(piece))
        return Exercise(tuple(piece), tuple(learnt))

    def _plain(self, length: int, rng: np.random.Generator) -> list[int]:
        """Return a piece of one document, which begins with a word."""
        while True:
            piece: list[int] = self._piece(2 * length, rng).tolist()
            special = [i for i, id_ in enumerate(piece) if id_ < self.alphabet.num_special]
            piece = piece[special[-1] + 1 :] if special else piece
            starts = (i for i, id_ in enumerate(piece) if self.alphabet.texts[id_][0].isspace())
            first = 0 if special else next(starts, len(piece))
            if len(piece) - first >= _SHORTEST:
                return piece[first : first + length]

    def _piece(self, length: int, rng: np.random.Generator) -> NDArray[np.uint16]:
        start = int(rng.integers(0, len(self.text) - length))
        return self.text[start : start + length]
