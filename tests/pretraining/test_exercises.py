import re
from collections.abc import Sequence

import numpy as np
import pytest

from fedmedlora.clinical.labels import ENTITY_TYPES, RELATION_TYPES
from fedmedlora.pretraining.exercises import (
    _ENDINGS,
    _ONSETS,
    _RIMES,
    Exercise,
    copying,
    invented_word,
    marking,
)
from fedmedlora.tasks.marks import CLOSE, opening

END = 0
TEXT = "He had chest pain for two days ."
WORDS = TEXT.split()


def encode(text: str) -> Sequence[int]:
    """A character is a token."""
    return [ord(character) for character in text]


def written(ids: Sequence[int]) -> str:
    return "".join(map(chr, ids))


def without_marks(line: str) -> str:
    return re.sub(r'<span class="[a-z]+">|</span>', "", line)


def word_ranges() -> list[tuple[int, int]]:
    ends = np.cumsum([len(word) + 1 for word in WORDS]) - 1
    return [(int(end) - len(word), int(end)) for word, end in zip(WORDS, ends, strict=True)]


def marked(seed: int) -> Exercise:
    rng = np.random.default_rng(seed)
    return marking(encode(TEXT), word_ranges(), encode, end_id=END, rng=rng)


@pytest.mark.parametrize("is_language", [True, False])
def test_a_copy_stands_behind_two_headings(is_language: bool) -> None:
    rng = np.random.default_rng(0)
    exercise = copying([5, 6, 7], encode, end_id=END, is_language=is_language, rng=rng)

    assert exercise.ids[-4:] == (5, 6, 7, END)
    given = exercise.ids[:-4]
    first, second = (
        written(part) for part in (given[: given.index(5)], given[given.index(7) + 1 :])
    )
    assert first.endswith(":\n")
    assert second.startswith("\n")
    assert second.endswith(":\n")
    assert first.strip() != second.strip()
    # Headings cannot be foreseen, nor can random tokens before they are copied.
    text, answer = (is_language,) * 3, (True,) * 4
    assert exercise.is_learnt == (*(False,) * len(first), *text, *(False,) * len(second), *answer)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_announced_is_marked_and_nothing_else_changes(seed: int) -> None:
    lines = written(marked(seed).ids[:-1]).splitlines()

    _, announcement, _, read, _, answer = lines
    announced = [part.split(" = ") for part in announcement.split("; ") if part]
    assert without_marks(read) == TEXT
    assert answer.count(CLOSE) == len(announced)
    for name, span in announced:
        assert f"{opening(name)}{span}{CLOSE}" in answer
    bare = answer.replace(CLOSE, "")
    for name, _ in announced:
        bare = bare.replace(opening(name), "")
    assert bare == TEXT


@pytest.mark.parametrize("seed", range(40))
def test_the_text_and_the_answer_are_learnt(seed: int) -> None:
    exercise = marked(seed)

    *_, answer = written(exercise.ids[:-1]).splitlines()
    learnt = [
        id_ for id_, is_learnt in zip(exercise.ids, exercise.is_learnt, strict=True) if is_learnt
    ]
    assert written(learnt[:-1]) == TEXT + answer
    assert learnt[-1] == END


def test_spans_are_whole_words_and_there_may_be_none() -> None:
    numbers, words = set(), set(WORDS)
    for seed in range(40):
        line = written(marked(seed).ids).splitlines()[1]
        spans = [part.split(" = ")[1] for part in line.split("; ") if part]
        numbers.add(len(spans))
        assert all(word in words for span in spans for word in span.split())

    assert {0, 1, 2, 3} <= numbers


def test_no_invented_word_is_a_type_of_the_task() -> None:
    every = {f"{a}{b}{c}" for a in _ONSETS for b in _RIMES for c in _ENDINGS}

    assert every.isdisjoint({*ENTITY_TYPES, *RELATION_TYPES})
    assert invented_word(np.random.default_rng(1)) in every


def test_the_same_seed_gives_the_same_exercise() -> None:
    assert marked(3) == marked(3)
    assert marked(3) != marked(4)
