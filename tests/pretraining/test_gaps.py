import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from fedmedlora.pretraining.gaps import hidden_words
from fedmedlora.pretraining.stream import Stream
from fedmedlora.pretraining.vocabulary import alphabet
from fedmedlora.pretraining.word_classes import WordClasses

TEXTS = ["He", " had", " pa", "in", " for", "</s>", " two", " da", "ys", "."]
IDS = np.array([40, 41, 42, 43, 44, 2, 46, 47, 48, 49])


def drawn(seed: int) -> NDArray[np.bool_]:
    return hidden_words(IDS, TEXTS, num_special=3, rng=np.random.default_rng(seed))


def test_words_are_hidden_whole_and_one_in_five() -> None:
    every = np.array([drawn(seed) for seed in range(2000)])

    assert (every[:, 2] == every[:, 3]).all()
    assert (every[:, 7] == every[:, 8]).all()
    assert abs(every[:, [1, 2, 4, 6, 7, 9]].mean() - 0.2) < 0.01


def test_the_first_token_and_the_special_ones_stay() -> None:
    """A token is told at the one before it, and the ends of documents are no words."""
    assert not np.array([drawn(seed) for seed in range(200)])[:, [0, 5]].any()


def test_pieces_depend_on_the_number_of_their_window_alone(
    tokenizer: Tokenizer, text: NDArray[np.uint16], classes: WordClasses
) -> None:
    stream = Stream(text, alphabet(tokenizer), classes, window=512, seed=0)
    ids, hidden, seen = stream.gapped([3, 7])
    again, *_ = stream.gapped([7])

    assert ids.shape == hidden.shape == seen.shape == (8, 128)
    assert np.array_equal(ids[4:], again)
    assert not np.array_equal(ids[:4], ids[4:])
    assert np.array_equal(seen != ids, hidden)
    assert (seen[hidden] == tokenizer.token_to_id("<pad>")).all()
    assert 0.1 < hidden.mean() < 0.3
