"""How good a base model is, measured on text it never read: perplexity and copying.

Perplexity is exp(nats a token) over the held-out text in windows. Copying is measured by
exercises of one length: the share of tokens for which the right one is the likeliest, with the
right ones before it; and the share of exercises without a single wrong one, which greedy decoding
would therefore copy whole. Reading both ways is measured by hidden words: the share of their tokens
for which the right one is the likeliest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LlamaForCausalLM

from fedmedlora.pretraining.exercises import Exercise, answer_length
from fedmedlora.pretraining.stream import Stream
from fedmedlora.pretraining.training import hidden_states, learnt_nats

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Copying:
    """How well texts of one length are copied.

    Attributes:
        tokens: Share of tokens that are right.
        whole: Share of texts without a wrong token.
    """

    tokens: float
    whole: float


def perplexity(model: LlamaForCausalLM, text: NDArray[np.uint16], *, window: int) -> float:
    """Return exp of the mean nats a token of a text, read in windows."""
    windows = len(text) // window
    rows = torch.from_numpy(text[: windows * window].astype(np.int64)).view(windows, window)
    learnt = torch.ones_like(rows, dtype=torch.bool)
    with torch.inference_mode():
        nats = [
            one
            for first in range(0, windows, _AT_ONCE)
            for one in learnt_nats(
                model, rows[first : first + _AT_ONCE], learnt[first : first + _AT_ONCE]
            )
        ]
    return math.exp(float(torch.cat(nats).mean()))


def hidden_told_right(model: LlamaForCausalLM, stream: Stream, *, windows: int) -> float:
    """Return the share of hidden tokens that are told right from both sides.

    Args:
        model: On the CPU.
        stream: Over text the model never read.
        windows: How many are read.
    """
    right = []
    with torch.inference_mode():
        for number in range(windows):
            ids, hidden, seen = map(torch.from_numpy, stream.gapped([number]))
            told = hidden_states(model, ids, seen)[:, :-1][hidden[:, 1:]]
            right.append(model.lm_head(told).argmax(dim=-1) == ids[:, 1:][hidden[:, 1:]])
    return float(torch.cat(right).float().mean())


def copying_by_length(
    model: LlamaForCausalLM,
    stream: Stream,
    kind: str,
    lengths: Sequence[int],
    *,
    number: int,
) -> dict[int, Copying]:
    """Return how well texts are copied, for each length.

    Args:
        model: On the CPU.
        stream: Over text the model never read.
        kind: `COPY_TEXT` or `COPY_RANDOM`.
        lengths: In tokens.
        number: Exercises a length.
    """
    rng = np.random.default_rng(stream.seed)
    return {
        length: _copying(model, [_of_length(stream, kind, length, rng) for _ in range(number)])
        for length in lengths
    }


def _of_length(stream: Stream, kind: str, length: int, rng: np.random.Generator) -> Exercise:
    """Return an exercise whose text has a length; a document may be over before that."""
    while True:
        exercise = stream.exercise(kind, length, rng)
        if answer_length(exercise) == length + 1:
            return exercise


def _copying(model: LlamaForCausalLM, exercises: Sequence[Exercise]) -> Copying:
    right = []
    with torch.inference_mode():
        for exercise in exercises:
            ids = torch.tensor(exercise.ids)
            hidden = model.model(input_ids=ids[None], use_cache=False).last_hidden_state[0]
            answer = answer_length(exercise)
            likeliest = model.lm_head(hidden[-answer - 1 : -1]).argmax(dim=-1)
            right.append((likeliest == ids[-answer:]).float())
    return Copying(
        tokens=float(torch.cat(right).mean()),
        whole=float(torch.stack([one.min() for one in right]).mean()),
    )
