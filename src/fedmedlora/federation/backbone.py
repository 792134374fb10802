"""What a federation asks of a model: a few verbs on plain values; a test fake is ten lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.clipping import Limits
from fedmedlora.federation.private_plan import PrivatePlan
from fedmedlora.tasks.task import ExampleT_contra, Output


@dataclass(frozen=True, slots=True)
class ChosenMethod:
    """A method as it travels: by its name and its numbers.

    Attributes:
        own: The method's own settings; None for its defaults.
    """

    name: str = "fed_medlora"
    own: Any = None


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """What a site is asked for in a round.

    The learning rate follows one curve over all rounds, so that a site that trains alone for
    `num_rounds` rounds and a federation of as many rounds follow the same schedule.

    Attributes:
        seed: Seed of this very training (order of the examples, dropout).
        round_index: This round, from 1.
        num_rounds: Rounds of the whole run.
        method: Whose rule holds at the site.
        memory: sha256 of what the site kept from its round before; None where it kept nothing.
        rank: The site's LoRA rank; None is the federation's.
        scaling: The site's alpha / rank over the federation's.
        codec: How its update is written for the wire.
        private: What its training must keep of differential privacy; None trains without.
        run: By what signed documents name the arm of the run, 32 bytes in hex; "" where nothing is
            signed.
        limits: How far its update may go, which stays at the site under its digest; None where it
            travels, and the server sees how far it goes.
    """

    seed: int
    round_index: int
    num_rounds: int
    method: ChosenMethod = field(default_factory=ChosenMethod)
    memory: str | None = None
    rank: int | None = None
    scaling: float = 1.0
    codec: str = "float32"
    private: PrivatePlan | None = None
    run: str = ""
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Steering:
    """How a method leads the steps of a training, see `local_rule`.

    Attributes:
        frozen: Tensors that are not trained.
        proximal: mu: how strongly each value is drawn to where it started.
        offset: What is added to each gradient, by tensor; nothing where a tensor is missing.
        tells_gradient: Whether the mean of the gradients is wanted.
        scaling: By what the model's own alpha / rank is multiplied.
    """

    frozen: frozenset[str] = frozenset()
    proximal: float = 0.0
    offset: AdapterWeights = field(default_factory=dict)
    tells_gradient: bool = False
    scaling: float = 1.0


STRAIGHT = Steering()
"""Training as it is without a method's say."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What came out of training.

    Attributes:
        adapter: The adapter after training.
        num_tokens: Label tokens in one pass over the examples.
        loss: What training made small, mean of the last epoch, in nats per label token.
        gradient: Mean over the steps of the gradients before anything steered or clipped them, by
            trained tensor; empty where nobody asked for it.
        privacy: What can be said of the training's privacy, as `privacy.statement` has it; None
            where it was not private.
    """

    adapter: AdapterWeights
    num_tokens: int
    loss: float
    gradient: AdapterWeights = field(default_factory=dict)
    privacy: Mapping[str, Any] | None = None


class Backbone(Protocol[ExampleT_contra]):
    """One base model, loaded once; adapters are handed in with every call."""

    digest: str
    num_bytes: int
    dtype: str

    def initial(self) -> AdapterWeights:
        """Return the adapter every site starts from: no change to the base, a seeded head."""
        ...

    def train(
        self,
        start: AdapterWeights,
        examples: Sequence[ExampleT_contra],
        plan: LocalPlan,
        *,
        steering: Steering = STRAIGHT,
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
    ) -> Sequence[Output]:
        """Return for each example what the model gives back."""
        ...

    def spent(self) -> Mapping[str, int]:
        """Return what the answers so far took of somebody else, by name; nothing of a model here.

        Numbers only grow.
        """
        ...
