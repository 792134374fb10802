"""Tags for examples, from any model that gives logits."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from fedmedlora.tasks.batches import padded, sorted_batches
from fedmedlora.tasks.tagging import TaggingExample
from fedmedlora.tasks.task import Output

Logits = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(input ids, attention), both (batch, length) -> (batch, length, channels, tags)."""

_BATCH_TOKENS = 1024


def tag(
    logits: Logits, examples: Sequence[TaggingExample], *, pad_id: int, device: torch.device
) -> list[Output]:
    """Return each example's likeliest tags, (length, channels)."""
    outputs = [Output(np.empty((0, 0), dtype=np.int64))] * len(examples)
    with torch.inference_mode():
        for places, drawn in sorted_batches(examples, max_tokens=_BATCH_TOKENS):
            batch = padded(drawn, pad_id=pad_id)
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
