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

END = 0
TEXT = "He had chest pain for two days ."
WORDS = TEXT.split()


def encode(text: str) -> Sequence[int]:
    """A character is a token."""
    return [ord(character) for character in text]


def written(ids: Sequence[int]) -> str:
    return "".join(map(chr, ids))


def word_ranges() -> list[tuple[int, int]]:
    ends = np.cumsum([len(word) + 1 for word in WORDS]) - 1
    return [(int(end) - len(word), int(end)) for word, end in zip(WORDS, ends, strict=True)]


def marked(seed: int) -> Exercise:
    rng = np.random.default_rng(seed)
    return marking(encode(TEXT), word_ranges(), encode, end_id=END, rng=rng)


def test_a_copy_stands_behind_two_headings_and_is_all_that_is_learnt() -> None:
    exercise = copying([5, 6, 7], encode, end_id=END, rng=np.random.default_rng(0))

    assert exercise.ids[exercise.num_given :] == (5, 6, 7, END)
    given = exercise.ids[: exercise.num_given]
    first, second = (
        written(part) for part in (given[: given.index(5)], given[given.index(7) + 1 :])
    )
    assert first.endswith(":\n")
    assert second.startswith("\n")
    assert second.endswith(":\n")
    assert first.strip() != second.strip()


@pytest.mark.parametrize("seed", range(40))
def test_what_is_announced_is_marked_and_nothing_else_changes(seed: int) -> None:
    exercise = marked(seed)

    answer = written(exercise.ids[exercise.num_given : -1])
    lines = written(exercise.ids[: exercise.num_given]).splitlines()
    announced = [part.split(" = ") for part in lines[1].split("; ") if part]
    assert lines[3] == TEXT
    assert answer.count("</span>") == len(announced)
    for name, span in announced:
        assert f'<span class="{name}">{span}</span>' in answer
    bare = answer.replace("</span>", "")
    for name, _ in announced:
        bare = bare.replace(f'<span class="{name}">', "")
    assert bare == TEXT
    assert exercise.ids[-1] == END


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
