"""Practice in marking what is like what: classes of words under invented names, told by examples.

    plomer:
    vask: chronic cough, nausea
    dool: tibia, left shoulder
    grun:
    He had chest pain in the morning.
    trelkin:
    He had<span class="vask"> chest pain</span> in the morning.

A class is one of words that are used alike (`word_classes`); a span is such a word, or the phrase
that ends with it where the examples are phrases. Some classes that are named do not occur. In some
exercises a phrase stands in brackets, and only what shares its clause is marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedmedlora.pretraining.exercises import (
    Encode,
    Exercise,
    heading,
    invented_word,
    joined,
    marked,
    word_ranges,
)
from fedmedlora.pretraining.word_classes import (
    LONGEST_PHRASE,
    WordClasses,
)

_MOST_PRESENT, _MOST_ABSENT, _MOST_EXAMPLES = 4, 3, 4
_BRACKETS, _PHRASES = 0.4, 0.5
"""Shares of exercises in which some words stand in brackets, and in which spans are phrases."""
_CLAUSE_ENDS = frozenset(".;:!?\n")

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Passage:
    """A text cut into words.

    Attributes:
        ranges: First and past-the-last token of each word.
        words: Each word in small letters.
        clauses: For each word, the number of its clause.
    """

    ranges: Sequence[Range]
    words: Sequence[str]
    clauses: Sequence[int]


def marking_alike(
    ids: Sequence[int],
    texts: Sequence[str],
    classes: WordClasses,
    encode: Encode,
    *,
    end_id: int,
    rng: np.random.Generator,
) -> Exercise:
    """Return an exercise that asks for a text's tokens with some classes of words marked.

    Args:
        ids: Token ids of the text.
        texts: Each token's characters, by id.
        classes: Which words are alike.
        encode: Cuts headings, names, examples, brackets and marks into token ids.
        end_id: Says that the answer is whole.
    """
    inside = None
    if rng.random() < _BRACKETS:
        ids, inside = _bracketed(ids, _read(ids, texts), encode, rng)
    passage = _read(ids, texts)
    asked = [i for i in range(len(passage.words)) if _is_asked(passage, i, inside)]
    fineness = int(rng.integers(len(classes.classes)))
    names = _names([passage.words[i] for i in asked], classes, fineness, rng)
    longest = LONGEST_PHRASE if (is_phrases := rng.random() < _PHRASES) else 1
    spans = [
        (*_span(passage, classes, i, longest), names[class_])
        for i in asked
        if (class_ := classes.of(passage.words[i], fineness)) in names
    ]
    announced = [
        f"{name}: {', '.join(_examples(classes, fineness, class_, rng, is_phrases=is_phrases))}\n"
        for class_, name in names.items()
    ]
    rng.shuffle(announced)
    return joined(
        ((*heading(encode, rng), *encode("".join(announced)), *heading(encode, rng)), False),
        (ids, inside is None),
        (heading(encode, rng, "\n"), False),
        ((*marked(ids, _apart(spans), encode), end_id), True),
    )


def _read(ids: Sequence[int], texts: Sequence[str]) -> _Passage:
    tokens = [texts[id_] for id_ in ids]
    ranges = word_ranges(tokens)
    words = ["".join(tokens[first:last]).strip().lower() for first, last in ranges]
    ends = [not _CLAUSE_ENDS.isdisjoint("".join(tokens[first:last])) for first, last in ranges]
    return _Passage(ranges, words, np.cumsum(ends).tolist())


def _bracketed(
    ids: Sequence[int], passage: _Passage, encode: Encode, rng: np.random.Generator
) -> tuple[Sequence[int], Range]:
    """Return the ids with one to three words in brackets, and where those and the brackets are."""
    number = int(rng.integers(len(passage.words)))
    stop = min(number + int(rng.integers(1, LONGEST_PHRASE + 1)), len(passage.words))
    first, last = passage.ranges[number][0], passage.ranges[stop - 1][1]
    before, after = encode(f"[{invented_word(rng)}"), encode("]")
    bracketed = [*ids[:first], *before, *ids[first:last], *after, *ids[last:]]
    return bracketed, (first, last + len(before) + len(after))


def _is_asked(passage: _Passage, number: int, inside: Range | None) -> bool:
    """Return whether a word stands beside the brackets, in their clause, if there are any."""
    if inside is None:
        return True
    start, stop = passage.ranges[number]
    within = next(i for i, (_, last) in enumerate(passage.ranges) if last > inside[0])
    is_outside = stop <= inside[0] or start >= inside[1]
    return is_outside and passage.clauses[number] == passage.clauses[within]


def _names(
    words: Sequence[str], classes: WordClasses, fineness: int, rng: np.random.Generator
) -> dict[int, str]:
    """Return invented names of some classes that occur among words, and of some that need not."""
    known = [class_ for word in words if (class_ := classes.of(word, fineness)) is not None]
    present = rng.permutation(known)[: rng.integers(1, _MOST_PRESENT + 1)].tolist()
    absent = rng.choice([*classes.members[fineness]], rng.integers(_MOST_ABSENT + 1))
    return {class_: invented_word(rng) for class_ in (*present, *absent.tolist())}


def _span(passage: _Passage, classes: WordClasses, number: int, longest: int) -> Range:
    """Return the tokens of a word and of the content words right before it."""
    first = number
    while number - first + 1 < longest and first and classes.is_content(passage.words[first - 1]):
        first -= 1
    return passage.ranges[first][0], passage.ranges[number][1]


def _examples(
    classes: WordClasses,
    fineness: int,
    class_: int,
    rng: np.random.Generator,
    *,
    is_phrases: bool,
) -> list[str]:
    members = rng.choice(classes.members[fineness][class_], rng.integers(1, _MOST_EXAMPLES + 1))
    return [
        str(rng.choice(phrases))
        if is_phrases and (phrases := classes.phrases[word])
        else classes.words[word]
        for word in members
    ]


def _apart(spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return the spans in order, of those that overlap the longest."""
    kept: list[tuple[int, int, str]] = []
    for span in sorted(spans, key=lambda span: span[0] - span[1]):
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)
