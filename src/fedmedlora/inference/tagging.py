"""Tags for examples, from any model that gives logits.

Batches come in few shapes: their length is a multiple of `_STEP`, their rows a power of two or as
many as fit. A library that compiles a product for each shape it meets, and keeps it, then has few
to compile and to keep.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from fedmedlora.tasks.batches import padded, sorted_batches
from fedmedlora.tasks.tagging import TaggingExample
from fedmedlora.tasks.task import Output

Logits = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(input ids, attention), both (batch, length) -> (batch, length, channels, tags)."""

_BATCH_TOKENS = 1024
_STEP = 8
"""Tokens by which batches differ in length; docs/results/extracting.md has what it saves."""


def tag(
    logits: Logits,
    examples: Sequence[TaggingExample],
    *,
    pad_id: int,
    most_tokens: int | None,
    device: torch.device,
) -> list[Output]:
    """Return each example's likeliest tags, (length, channels).

    Args:
        most_tokens: What the model reads at once at most; None where it sets no limit.
    """
    outputs = [Output(np.empty((0, 0), dtype=np.int64))] * len(examples)
    with torch.inference_mode():
        for places, drawn in sorted_batches(examples, max_tokens=_BATCH_TOKENS, step=_STEP):
            batch = padded(drawn, pad_id=pad_id, shape=_shape(drawn, most_tokens))
            told = logits(
                torch.from_numpy(batch.input_ids).to(device),
                torch.from_numpy(batch.attention).to(device),
            )
            best = told.argmax(dim=-1, keepdim=True)
            held = told.log_softmax(dim=-1).gather(-1, best)
            likeliest, log_probs = (each.squeeze(-1).cpu().numpy() for each in (best, held))
            for row, place in enumerate(places):
                own = row, slice(len(examples[place].input_ids))
                outputs[place] = Output(
                    likeliest[own].astype(np.int64), log_probs[own].astype(np.float64)
                )
    return outputs


def _shape(examples: Sequence[TaggingExample], most_tokens: int | None) -> tuple[int, int]:
    """Return rows and length that many batches have."""
    longest = max(len(example.input_ids) for example in examples)
    rounded = -(-longest // _STEP) * _STEP
    length = rounded if most_tokens is None else max(longest, min(rounded, most_tokens))
    full = max(_BATCH_TOKENS // length, 1)
    return min(1 << (len(examples) - 1).bit_length(), full), length
