from pathlib import Path

import numpy as np
import pytest

from fedmedlora.pretraining.word_classes import WordClasses, find_classes, load_classes

COLOURS, ANIMALS = ("red", "black", "grey"), ("cat", "dog", "hen")


@pytest.fixture(scope="module")
def found() -> WordClasses:
    rng = np.random.default_rng(0)
    texts = [
        f"The {rng.choice(COLOURS)} {rng.choice(ANIMALS)} sleeps. A {rng.choice(ANIMALS)} of the "
        f"{rng.choice(COLOURS)} house"
        for _ in range(300)
    ]
    return find_classes(texts, seed=0, numbers=(4,), num_unclassed=1, num_function_words=3)


def test_words_in_the_same_places_are_of_one_class(found: WordClasses) -> None:
    colours = {found.of(word, 0) for word in COLOURS}
    animals = {found.of(word, 0) for word in ANIMALS}

    assert len(colours) == len(animals) == 1
    assert colours != animals
    members = {found.words[number] for number in found.members[0][animals.pop() or 0]}
    assert {*ANIMALS} <= members
    assert members.isdisjoint(COLOURS)


def test_the_most_frequent_words_and_unknown_ones_are_of_no_class(found: WordClasses) -> None:
    assert found.words[0] == "the"
    assert found.of("the", 0) is None
    assert found.of("horse", 0) is None


def test_phrases_end_with_their_word_and_hold_no_function_word(found: WordClasses) -> None:
    cats = found.phrases[found.place["cat"]]

    assert {*cats} <= {"cat", *(f"{colour} cat" for colour in COLOURS)}
    assert "black cat" in cats
    assert found.is_content("cat")
    assert found.is_content("horse")
    assert not found.is_content("the")
    assert not found.is_content(".")


def test_what_is_saved_is_loaded(found: WordClasses, tmp_path: Path) -> None:
    found.save(tmp_path / "classes.json")

    assert load_classes(tmp_path / "classes.json") == found
