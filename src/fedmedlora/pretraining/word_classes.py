"""Words that are used alike, found in plain text without any annotation.

Words whose rows of `usage` have near directions form a class: coarse classes and finer ones, by
k-means on the sphere.

Source: Dhillon and Modha 2001, Concept Decompositions for Large Sparse Text Data.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fedmedlora.pretraining.usage import usage

LONGEST_PHRASE = 3
_NUMBERS_OF_CLASSES = (192, 384, 768)
_NUM_WORDS = 15_000
_NUM_UNCLASSED, _NUM_FUNCTION_WORDS = 30, 150
"""Of the most frequent words: so many are in no class, and so many end a phrase."""
_WIDTH, _ROUNDS = 100, 25
_MOST_PHRASES = 8
_WORD = re.compile(r"[^\W\d_][\w'-]*")


@dataclass(frozen=True)
class WordClasses:
    """Classes of words, and phrases that end with them.

    Attributes:
        words: The words, in small letters, the most frequent first.
        classes: For each fineness, the class of each word; None where it has none.
        phrases: For each word, some phrases in which it is the last word.
        num_function_words: So many of the first words are in no phrase.
    """

    words: Sequence[str]
    classes: Sequence[Sequence[int | None]]
    phrases: Sequence[Sequence[str]]
    num_function_words: int

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Return the number of each word."""
        return {word: number for number, word in enumerate(self.words)}

    @cached_property
    def members(self) -> Sequence[Mapping[int, Sequence[int]]]:
        """Return for each fineness the words of each class."""
        return [_grouped(classes) for classes in self.classes]

    def of(self, word: str, fineness: int) -> int | None:
        """Return the class of a word, None where it has none."""
        number = self.place.get(word)
        return None if number is None else self.classes[fineness][number]

    def is_content(self, word: str) -> bool:
        """Return whether a word may stand inside a phrase."""
        return word[:1].isalpha() and self.place.get(word, _NUM_WORDS) >= self.num_function_words

    def save(self, file: Path) -> None:
        """Write all of it as JSON."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")


def load_classes(file: Path) -> WordClasses:
    """Return what `save` wrote."""
    return WordClasses(**json.loads(file.read_text(encoding="utf-8")))


def find_classes(
    texts: Sequence[str],
    *,
    seed: int,
    numbers: Sequence[int] = _NUMBERS_OF_CLASSES,
    num_unclassed: int = _NUM_UNCLASSED,
    num_function_words: int = _NUM_FUNCTION_WORDS,
) -> WordClasses:
    """Return classes of the most frequent words of some texts.

    Args:
        texts: Plain texts.
        seed: Of the first centres.
        numbers: How many classes there are, for each fineness.
        num_unclassed: So many of the most frequent words are in no class.
        num_function_words: So many of them are in no phrase.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_WORD.findall(text.lower()))
    place = {word: number for number, (word, _) in enumerate(counts.most_common(_NUM_WORDS))}
    rows = usage(_numbered(texts, place), len(place), width=_WIDTH, seed=seed)[num_unclassed:]
    none: list[int | None] = [None] * num_unclassed
    classes = [none + _clustered(rows, number, seed=seed) for number in numbers]
    phrases = _phrases(texts, place, num_function_words)
    return WordClasses([*place], classes, phrases, num_function_words)


def _numbered(texts: Iterable[str], place: Mapping[str, int]) -> NDArray[np.int32]:
    """Return all words by their numbers; unknown ones, and what parts two texts, are -1."""
    nothing = np.full(2, -1, np.int32)
    rows: list[NDArray[np.int32]] = []
    for text in texts:
        words = _WORD.findall(text.lower())
        rows += [np.array([place.get(word, -1) for word in words], np.int32), nothing]
    return np.concatenate(rows)


def _clustered(rows: torch.Tensor, number: int, *, seed: int) -> list[int | None]:
    """Return a class for each row, by spherical k-means."""
    rng = torch.Generator().manual_seed(seed)
    centres = rows[torch.randperm(len(rows), generator=rng)[:number]]
    for _ in range(_ROUNDS):
        nearest = (rows @ centres.T).argmax(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
        is_empty = sums.norm(dim=1, keepdim=True) == 0
        centres = torch.where(is_empty, centres, torch.nn.functional.normalize(sums))
    nearest_class: list[int | None] = (rows @ centres.T).argmax(1).tolist()
    return nearest_class


def _phrases(
    texts: Iterable[str], place: Mapping[str, int], num_function_words: int
) -> list[list[str]]:
    """Return for each word the first different phrases found that end with it."""
    found: list[dict[str, None]] = [{} for _ in place]
    for text in texts:
        for phrase in _runs(text, place, num_function_words):
            own = found[place[phrase[-1].lower()]]
            if len(own) < _MOST_PHRASES:
                own[" ".join(phrase)] = None
    return [[*own] for own in found]


def _runs(text: str, place: Mapping[str, int], num_function_words: int) -> Iterator[list[str]]:
    """Yield, for each known content word, it and the content words right before it."""
    run: list[str] = []
    end = 0
    for match in _WORD.finditer(text):
        word = match.group()
        rank = place.get(word.lower(), len(place))
        if text[end : match.start()] != " " or rank < num_function_words:
            run = []
        if rank >= num_function_words:
            run = [*run, word][-LONGEST_PHRASE:]
            if rank < len(place):
                yield run
        end = match.end()


def _grouped(classes: Sequence[int | None]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for word, number in enumerate(classes):
        if number is not None:
            groups[number].append(word)
    return dict(groups)
