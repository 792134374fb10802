"""Training that hides a site's units: what it takes beside a base model, and what it says after.

First the steps are paid for, then they are taken, then it is told what all of them come to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.errors import TrainingError
from fedmedlora.federation.backbone import STRAIGHT, Backbone, LocalPlan, Steering, Trained
from fedmedlora.federation.private_plan import PrivatePlan, Units
from fedmedlora.privacy.accounting import noise_for
from fedmedlora.privacy.randomness import Randomness
from fedmedlora.privacy.spending import Payment, Spending
from fedmedlora.privacy.statement import record_statement
from fedmedlora.tasks.task import ExampleT, Output
from fedmedlora.training.private_steps import PrivateSteps


@dataclass(frozen=True, slots=True)
class PrivateSide(Generic[ExampleT]):
    """What a place needs to train in private.

    Attributes:
        trained: The base model that is trained.
        spending: Where it is written down first what a training takes.
        randomness: Where draws and noise come from.
    """

    trained: HuggingFaceBackbone[ExampleT]
    spending: Spending
    randomness: Randomness

    def backbone(self, site: str, units: Units[ExampleT]) -> Backbone[ExampleT]:
        """Return the base model as one whose training hides each unit of a site."""
        return _PrivateBackbone(self, site, units)


class _PrivateBackbone(Generic[ExampleT]):
    """A base model whose training hides each unit of one site; all else is as without."""

    def __init__(self, side: PrivateSide[ExampleT], site: str, units: Units[ExampleT]) -> None:
        self.digest = side.trained.digest
        self.num_bytes = side.trained.num_bytes
        self.dtype = side.trained.dtype
        self._side, self._site, self._units = side, site, units

    def initial(self) -> AdapterWeights:
        """Return the adapter every site starts from."""
        return self._side.trained.initial()

    def train(
        self,
        start: AdapterWeights,
        examples: Sequence[ExampleT],
        plan: LocalPlan,
        *,
        steering: Steering = STRAIGHT,
    ) -> Trained:
        """Return what training on the units' examples makes of an adapter, once it is paid for.

        Raises:
            TrainingError: It would go beyond the site's budget, or there is nothing to train on.
        """
        del examples
        private = plan.private
        if private is None or steering.tells_gradient or not self._units.examples:
            raise TrainingError(
                "training in private: found no unit, no private plan, or a method that asks for "
                "the mean gradient, expected units and a method that sends the adapter alone"
            )
        steps = _steps(private, num_units=len(self._units.examples))
        paid = self._side.spending.pay(_payment(self._site, plan.round_index, private, steps))
        trained = self._side.trained.train_privately(
            start,
            self._units.examples,
            plan,
            steps,
            randomness=self._side.randomness,
            steering=steering,
        )
        privacy = record_statement(
            paid,
            delta=private.delta,
            clip=private.clip,
            is_private=self._side.randomness.is_private,
            num_units=len(self._units.examples),
            most_notes=self._units.most_notes,
        )
        return replace(trained, privacy=privacy)

    def loss(self, adapter: AdapterWeights, examples: Sequence[ExampleT]) -> float:
        """Return the mean loss of an adapter, in nats per label token."""
        return self._side.trained.loss(adapter, examples)

    def answer(self, adapter: AdapterWeights, examples: Sequence[ExampleT]) -> Sequence[Output]:
        """Return each example's likeliest output."""
        return self._side.trained.answer(adapter, examples)

    def spent(self) -> Mapping[str, int]:
        """Return nothing: all answers are made here."""
        return self._side.trained.spent()


def _steps(private: PrivatePlan, *, num_units: int) -> PrivateSteps:
    rate = min(1.0, private.units_a_step / num_units)
    noise = private.noise_multiplier
    if noise is None:
        if private.epsilon is None:
            raise TrainingError("training in private: found no noise, expected it or an epsilon")
        noise = noise_for(private.epsilon, rate, private.run_steps, private.delta)
    return PrivateSteps(private.steps, rate, noise, private.clip)


def _payment(site: str, round_index: int, private: PrivatePlan, steps: PrivateSteps) -> Payment:
    return Payment(
        site=site,
        run=private.run,
        arm=private.arm,
        round_index=round_index,
        unit=private.unit,
        noise_multiplier=steps.noise_multiplier,
        rate=steps.rate,
        steps=steps.number,
    )
