"""A backbone that only trains, by a function; nobody asks it for a loss or an answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.backbone import STRAIGHT, LocalPlan, Steering, Trained
from fedmedlora.tasks.task import Output

How = Callable[[AdapterWeights, Sequence[Any], LocalPlan, Steering], Trained]


@dataclass
class Learner:
    how: How
    digest: str = "b0"
    num_bytes: int = 4800
    dtype: str = "float32"

    def initial(self) -> AdapterWeights:
        raise NotImplementedError

    def train(
        self,
        start: AdapterWeights,
        examples: Sequence[Any],
        plan: LocalPlan,
        *,
        steering: Steering = STRAIGHT,
    ) -> Trained:
        return self.how(start, examples, plan, steering)

    def loss(self, adapter: AdapterWeights, examples: Sequence[Any]) -> float:
        raise NotImplementedError

    def answer(self, adapter: AdapterWeights, examples: Sequence[Any]) -> list[Output]:
        raise NotImplementedError

    def spent(self) -> Mapping[str, int]:
        raise NotImplementedError
