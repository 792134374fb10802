from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.pretraining.told import TOLD, TYPES
from tokenizers import Tokenizer

from fedmedlora.pretraining.exercises import Exercise, answer_length, word_ranges
from fedmedlora.pretraining.stream import (
    CHANCES,
    COPY_RANDOM,
    COPY_TEXT,
    MARK,
    MARK_ALIKE,
    TEXT,
    Stream,
)
from fedmedlora.pretraining.vocabulary import alphabet
from fedmedlora.pretraining.word_classes import WordClasses


@pytest.fixture(scope="module")
def stream(tokenizer: Tokenizer, text: NDArray[np.uint16], classes: WordClasses) -> Stream:
    return Stream(text, alphabet(tokenizer), classes, window=256, seed=0)


def test_a_window_depends_on_its_number_alone(stream: Stream) -> None:
    ids, learnt = stream.windows([3, 7, 4])
    again, known = stream.windows([7])

    assert ids.shape == learnt.shape == (3, 256)
    assert np.array_equal(ids[1], again[0])
    assert np.array_equal(learnt[1], known[0])
    assert not np.array_equal(ids[0], ids[2])


def test_another_seed_gives_other_windows(stream: Stream) -> None:
    other = replace(stream, seed=1)

    assert not np.array_equal(stream.windows([0])[0], other.windows([0])[0])


def test_kinds_are_drawn_by_their_chances(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = dict.fromkeys(CHANCES, 0)
    exercise = Stream.exercise

    def counting(self: Stream, kind: str, length: int, rng: np.random.Generator) -> Exercise:
        drawn[kind] += 1
        return exercise(self, kind, length, rng)

    monkeypatch.setattr(Stream, "exercise", counting)
    stream.windows(range(400))

    assert sum(CHANCES.values()) == pytest.approx(1)
    assert set(CHANCES) == {TEXT, COPY_RANDOM, COPY_TEXT, MARK, MARK_ALIKE}
    chance = sum(CHANCES[kind] for kind in drawn if kind != TEXT)
    for kind in (COPY_RANDOM, COPY_TEXT, MARK, MARK_ALIKE):
        expected = CHANCES[kind] / chance
        assert drawn[kind] / sum(drawn.values()) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("kind", [COPY_RANDOM, COPY_TEXT])
def test_a_copy_has_the_length_that_was_asked_for(stream: Stream, kind: str) -> None:
    exercise = stream.exercise(kind, 12, np.random.default_rng(0))

    assert exercise.ids[0] == stream.alphabet.begin_id
    assert answer_length(exercise) == 12 + 1


def test_random_tokens_are_not_read_before_they_are_copied(stream: Stream) -> None:
    exercise = stream.exercise(COPY_RANDOM, 12, np.random.default_rng(0))

    assert sum(exercise.is_learnt) == 12 + 1


def test_exercises_are_about_single_documents(stream: Stream) -> None:
    begin, end = stream.alphabet.begin_id, stream.alphabet.end_id
    for seed in range(50):
        exercise = stream.exercise(COPY_TEXT, 40, np.random.default_rng(seed))

        assert [exercise.ids.count(id_) for id_ in (begin, end)] == [1, 1]


def test_nothing_of_the_task_is_ever_shown(stream: Stream) -> None:
    """No class of the guideline, no meaning of one, and nothing of a prompt."""
    kinds = (COPY_RANDOM, COPY_TEXT, MARK, MARK_ALIKE)
    written = [
        "".join(stream.alphabet.texts[id_] for id_ in stream.exercise(kind, 60, rng).ids)
        for kind in kinds
        for rng in map(np.random.default_rng, range(100))
    ]
    ids, _ = stream.windows(range(100))
    written += ["".join(stream.alphabet.texts[id_] for id_ in row) for row in ids]
    stretch = "\n".join(written)

    # In exercises a class is announced so; in prose "t test = 2.1" tells nothing.
    told = [*TOLD, *(f"{type_} = " for type_ in TYPES)]
    assert [one for one in told if one in stretch] == []
    assert '<span class="' in stretch


def test_words_begin_where_letters_do() -> None:
    tokens = ["Chest", " pa", "in", ",", " ", "5", "0", " mg", "/d", "."]

    assert word_ranges(tokens) == [
        (0, 1),
        (1, 3),
        (3, 4),
        (4, 5),
        (5, 7),
        (7, 8),
        (8, 9),
        (9, 10),
    ]
