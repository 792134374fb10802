from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.pretraining.shapes import SMALL
from tokenizers import Tokenizer

from fedmedlora.pretraining import measuring
from fedmedlora.pretraining.exercises import answer_length
from fedmedlora.pretraining.measuring import copying_by_length, hidden_told_right, perplexity
from fedmedlora.pretraining.recipe import Recipe
from fedmedlora.pretraining.stream import COPY_RANDOM, COPY_TEXT, Stream
from fedmedlora.pretraining.training import untrained
from fedmedlora.pretraining.vocabulary import alphabet
from fedmedlora.pretraining.word_classes import WordClasses


def test_perplexity_of_an_even_guess_is_the_size_of_the_vocabulary(
    text: NDArray[np.uint16],
) -> None:
    model = untrained(SMALL)
    with torch.no_grad():
        model.lm_head.weight.zero_()

    assert perplexity(model, text[:1000], window=64) == pytest.approx(600, rel=1e-5)


def test_hidden_tokens_are_told_at_the_one_before_them(
    tokenizer: Tokenizer,
    text: NDArray[np.uint16],
    classes: WordClasses,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who knows every next token is right everywhere, who repeats what is seen is right nowhere."""
    stream = Stream(text, alphabet(tokenizer), classes, 256, seed=0)
    model = untrained(SMALL)
    model.lm_head = torch.nn.Identity()

    def knowing(_: object, ids: torch.Tensor, __: torch.Tensor) -> torch.Tensor:
        return torch.eye(600)[ids.roll(-1, dims=1)]

    def repeating(_: object, __: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        return torch.eye(600)[seen.roll(-1, dims=1)]

    monkeypatch.setattr(measuring, "hidden_states", knowing)
    assert hidden_told_right(model, stream, windows=3) == 1
    monkeypatch.setattr(measuring, "hidden_states", repeating)
    assert hidden_told_right(model, stream, windows=3) == 0


def test_copying_is_counted_by_token_and_by_whole_text(
    tokenizer: Tokenizer, text: NDArray[np.uint16], classes: WordClasses
) -> None:
    """First weights copy what they see but never say the end: one of 21 is wrong, and no whole."""
    model = untrained(replace(Recipe(), vocabulary=600))
    stream = Stream(text, alphabet(tokenizer), classes, 256, seed=0)

    found = copying_by_length(model, stream, COPY_RANDOM, [20], number=10)

    assert set(found) == {20}
    assert 0.7 < found[20].tokens <= 20 / 21
    assert found[20].whole == 0


def test_text_that_is_shorter_than_asked_for_is_not_measured(
    tokenizer: Tokenizer, text: NDArray[np.uint16], classes: WordClasses
) -> None:
    stream = Stream(text, alphabet(tokenizer), classes, 1024, seed=0)
    rng = np.random.default_rng(0)
    drawn = [answer_length(stream.exercise(COPY_TEXT, 100, rng)) for _ in range(20)]
    model = untrained(replace(Recipe(), vocabulary=600))

    asked = [measuring._of_length(stream, COPY_TEXT, 100, rng) for _ in range(20)]

    assert min(drawn) < 100 + 1
    assert {answer_length(one) for one in asked} == {100 + 1}
    assert copying_by_length(model, stream, COPY_TEXT, [100], number=1)[100].tokens > 0
