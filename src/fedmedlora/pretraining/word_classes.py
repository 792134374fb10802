"""Words that are used alike, found in plain text without any annotation.

Two words are alike where the same words stand around them. For each of the most frequent words w,
a row of positive pointwise mutual information with the words c at distance -2, -1, 1 and 2,

    ppmi(w, c) = max(0, log p(w, c) - log p(w) - log p(c)),

is narrowed by a truncated singular value decomposition, and rows of near direction form a class:
coarse classes and finer ones, by k-means on the sphere.

Source: Levy and Goldberg 2014, Neural Word Embedding as Implicit Matrix Factorization (section
5.1, with the square root of the singular values); Dhillon and Modha 2001, Concept Decompositions
for Large Sparse Text Data (spherical k-means).
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

LONGEST_PHRASE = 3
_NUMBERS_OF_CLASSES = (192, 384, 768)
_NUM_WORDS, _NUM_CONTEXTS = 15_000, 3_000
_NUM_UNCLASSED, _NUM_FUNCTION_WORDS = 30, 150
"""Of the most frequent words: so many are in no class, and so many end a phrase."""
_DISTANCES = (-2, -1, 1, 2)
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
    rows = _embedded(_neighbours(texts, place), seed=seed)[num_unclassed:]
    none: list[int | None] = [None] * num_unclassed
    classes = [none + _clustered(rows, number, seed=seed) for number in numbers]
    phrases = _phrases(texts, place, num_function_words)
    return WordClasses([*place], classes, phrases, num_function_words)


def _neighbours(texts: Iterable[str], place: Mapping[str, int]) -> NDArray[np.float32]:
    """Return how often each word stands at each distance from each context, (words, contexts)."""
    shape = (len(place), min(_NUM_CONTEXTS, len(place)))
    counts = [np.zeros(shape, np.float32) for _ in _DISTANCES]
    for text in texts:
        found = _WORD.findall(text.lower())
        ids = np.array([place.get(word, -1) for word in found], np.int64)
        for table, distance in zip(counts, _DISTANCES, strict=True):
            word, context = _apart(ids, distance)
            known = (word >= 0) & (context >= 0) & (context < shape[1])
            np.add.at(table, (word[known], context[known]), 1)
    return np.concatenate(counts, axis=1)


def _apart(ids: NDArray[np.int64], distance: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    near, far = ids[: -abs(distance)], ids[abs(distance) :]
    return (near, far) if distance > 0 else (far, near)


def _embedded(counts: NDArray[np.float32], *, seed: int) -> torch.Tensor:
    """Return rows of length 1, (words, width)."""
    information = pointwise_information(torch.from_numpy(counts))
    torch.manual_seed(seed)
    width = min(_WIDTH, *information.shape)
    left, values, _ = torch.svd_lowrank(information, q=width, niter=4)
    return torch.nn.functional.normalize(left * values.sqrt())


def pointwise_information(counts: torch.Tensor) -> torch.Tensor:
    """Return positive pointwise mutual information in nats, (words, contexts), from counts."""
    per_word, per_context = counts.sum(1, keepdim=True), counts.sum(0, keepdim=True)
    ratio = counts * counts.sum() / (per_word * per_context)
    return torch.log(ratio).nan_to_num(nan=0.0, neginf=0.0).clamp(min=0)


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
