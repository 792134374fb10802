"""What a federation asks of a model: four verbs on plain values; a test fake is ten lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.tasks.task import ExampleT_contra


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """Where one site's training stands in the whole run.

    The learning rate follows one curve over all rounds, so that a site that trains alone for
    `num_rounds` rounds and a federation of as many rounds follow the same schedule.

    Attributes:
        seed: Seed of this very training (order of the examples, dropout).
        round_index: This round, from 1.
        num_rounds: Rounds of the whole run.
    """

    seed: int
    round_index: int
    num_rounds: int


@dataclass(frozen=True, slots=True)
class Trained:
    """What came out of training at one site, and what it was made from, as the site saw it.

    Attributes:
        adapter: The site's adapter after training.
        num_tokens: Label tokens in one pass over its examples.
        loss: What training made small, mean of the last epoch, in nats per label token.
        base: sha256 of the base model that was trained.
        start: sha256 of the adapter that training started from.
        round_index: The round it was trained for, from 1.
    """

    adapter: AdapterWeights
    num_tokens: int
    loss: float
    base: str
    start: str
    round_index: int


class Backbone(Protocol[ExampleT_contra]):
    """One base model, loaded once; adapters are handed in with every call."""

    digest: str
    num_bytes: int
    dtype: str

    def initial(self) -> AdapterWeights:
        """Return the adapter every site starts from: no change to the base, a seeded head."""
        ...

    def train(
        self, start: AdapterWeights, examples: Sequence[ExampleT_contra], plan: LocalPlan
    ) -> Trained:
        """Return what training on the examples makes of an adapter.

        Raises:
            TrainingError: A loss or a weight is not finite, or there is nothing to train on.
        """
        ...

    def loss(self, adapter: AdapterWeights, examples: Sequence[ExampleT_contra]) -> float:
        """Return the mean loss of an adapter, in nats per label token."""
        ...

    def answer(
        self, adapter: AdapterWeights, examples: Sequence[ExampleT_contra]
    ) -> Sequence[NDArray[np.int64]]:
        """Return for each example what the model gives back, in the form of its `ideal`."""
        ...
