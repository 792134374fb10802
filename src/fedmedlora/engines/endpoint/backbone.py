"""A model behind an address as a federation's `Backbone` that can only answer."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Never

import numpy as np

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.endpoint.asking import Asking, Sleep
from fedmedlora.engines.endpoint.chat import Said, question
from fedmedlora.experiment.baselines import Endpoint
from fedmedlora.federation.backbone import STRAIGHT, LocalPlan, Steering
from fedmedlora.tasks.items import listed
from fedmedlora.tasks.prompting import PromptExample, output_of
from fedmedlora.tasks.task import Output


class EndpointBackbone:
    """A model that is asked over the network; nothing of it can be trained or changed."""

    def __init__(
        self, endpoint: Endpoint, *, key: str, seed: int, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Say how the endpoint is reached; nothing is sent.

        Args:
            key: What it knows us by; "" where it does not ask.
            seed: What it is asked to draw with, and what waits are drawn with.
            sleep: Waits for some seconds.
        """
        self.digest = f"{endpoint.model} at {endpoint.url}"
        self.num_bytes = 0
        self.dtype = "remote"
        self._endpoint = endpoint
        self._seed = seed
        self._asking = Asking(endpoint, key=key, rng=np.random.default_rng(seed), sleep=sleep)

    def initial(self) -> AdapterWeights:
        """Return an adapter without tensors."""
        return {}

    def train(
        self,
        start: AdapterWeights,
        examples: Sequence[PromptExample],
        plan: LocalPlan,
        *,
        steering: Steering = STRAIGHT,
    ) -> Never:
        """Raise: an endpoint is only asked.

        Raises:
            ValueError: Always.
        """
        del start, plan, steering
        raise ValueError(f"found {len(examples)} examples to train on; an endpoint is only asked")

    def loss(self, adapter: AdapterWeights, examples: Sequence[PromptExample]) -> Never:
        """Raise: an endpoint is only asked.

        Raises:
            ValueError: Always.
        """
        del adapter
        raise ValueError(f"found {len(examples)} examples for a loss; an endpoint is only asked")

    def answer(self, adapter: AdapterWeights, examples: Sequence[PromptExample]) -> list[Output]:
        """Return what the endpoint says to each example, as code points.

        Raises:
            ModelError: It does not want such questions, or answered none of the first.
            EngineError: It has stopped answering.
        """
        if adapter:
            raise ValueError(f"found an adapter of {len(adapter)} tensors, expected none")
        asked = [question(example, self._endpoint, seed=self._seed) for example in examples]
        said = self._asking.answers(asked)
        self._asking.spent["unreadable"] += sum(map(_is_unreadable, said))
        return [Output(output_of(one.text, one.flaw)) for one in said]

    def spent(self) -> Mapping[str, int]:
        """Return what the questions so far have taken, by name."""
        return dict(self._asking.spent)


def _is_unreadable(said: Said) -> bool:
    return said.flaw is None and listed(said.text) is None
