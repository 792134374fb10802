"""Tags for examples, from any model that gives logits."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fedmedlora.tasks.batches import padded, sorted_batches
from fedmedlora.tasks.tagging import TaggingExample

Logits = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(input ids, attention), both (batch, length) -> (batch, length, channels, tags)."""

_BATCH_TOKENS = 1024


def tag(
    logits: Logits, examples: Sequence[TaggingExample], *, pad_id: int, device: torch.device
) -> list[NDArray[np.int64]]:
    """Return each example's likeliest tags, (length, channels)."""
    tags: list[NDArray[np.int64]] = [np.empty((0, 0), dtype=np.int64)] * len(examples)
    with torch.inference_mode():
        for places, drawn in sorted_batches(examples, max_tokens=_BATCH_TOKENS):
            batch = padded(drawn, pad_id=pad_id)
            likeliest = logits(
                torch.from_numpy(batch.input_ids).to(device),
                torch.from_numpy(batch.attention).to(device),
            ).argmax(dim=-1)
            for row, place in enumerate(places):
                length = len(examples[place].input_ids)
                tags[place] = likeliest[row, :length].cpu().numpy().astype(np.int64)
    return tags
