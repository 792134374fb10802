"""Examples of like length put side by side, so that little is computed for padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmedlora.tasks.tagging import IGNORED, TaggingExample
from fedmedlora.tasks.task import ExampleT

_BUCKET_BATCHES = 16
"""Batches drawn from one shuffled stretch: more sorts better, fewer mixes better."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples padded to one length.

    Attributes:
        input_ids: (batch, length) int64.
        attention: (batch, length) int64; 1 on tokens, 0 on padding.
        targets: (batch, length, ...) int64; `IGNORED` on padding.
    """

    input_ids: NDArray[np.int64]
    attention: NDArray[np.int64]
    targets: NDArray[np.int64]

    @property
    def num_label_tokens(self) -> int:
        """Return the number of positions with at least one target."""
        known = (self.targets != IGNORED).reshape(*self.input_ids.shape, -1)
        return int(known.any(axis=2).sum())


def padded(
    examples: Sequence[TaggingExample], *, pad_id: int, shape: tuple[int, int] = (0, 0)
) -> Batch:
    """Return examples as one batch, padded on the right to the longest.

    Args:
        shape: Rows and length of the batch at least; a row without an example is its first again.
    """
    length = max(shape[1], *(len(example.input_ids) for example in examples))
    examples = [*examples, *[examples[0]] * (shape[0] - len(examples))]
    input_ids = np.full((len(examples), length), pad_id, dtype=np.int64)
    attention = np.zeros_like(input_ids)
    targets = np.full(
        (len(examples), length, *examples[0].targets.shape[1:]), IGNORED, dtype=np.int64
    )
    for row, example in enumerate(examples):
        width = len(example.input_ids)
        input_ids[row, :width] = example.input_ids
        attention[row, :width] = 1
        targets[row, :width] = example.targets
    return Batch(input_ids, attention, targets)


def shuffled_batches(
    examples: Sequence[ExampleT], *, batch_size: int, rng: np.random.Generator
) -> list[list[ExampleT]]:
    """Return all examples once, in batches of like length, in random order."""
    order = rng.permutation(len(examples))
    stretch = batch_size * _BUCKET_BATCHES
    batches = []
    for first in range(0, len(order), stretch):
        bucket = sorted(order[first : first + stretch], key=lambda i: examples[i].alike)
        batches += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
    return [[examples[i] for i in batches[b]] for b in rng.permutation(len(batches))]


def sorted_batches(
    examples: Sequence[ExampleT], *, max_tokens: int, step: int = 1
) -> Iterator[tuple[list[int], list[ExampleT]]]:
    """Yield (places in the input, examples), shortest first, with few tokens a batch.

    Args:
        max_tokens: Of a batch at most, but for one example that has more.
        step: What the length of a batch is a multiple of.
    """
    batch: list[int] = []
    for index in sorted(range(len(examples)), key=lambda i: examples[i].alike):
        length = -(-examples[index].alike[-1] // step) * step
        if batch and (len(batch) + 1) * length > max_tokens:
            yield batch, [examples[i] for i in batch]
            batch = []
        batch.append(index)
    if batch:
        yield batch, [examples[i] for i in batch]
