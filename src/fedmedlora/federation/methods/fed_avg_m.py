"""FedAvgM: the server goes on in the direction of the rounds before.

    v  <-  b v + D
    x  <-  x + eta v

D is where the sites point, v zero at first.

Source: Hsu et al. 2019, Measuring the Effects of Non-Identical Data Distribution for Federated
Visual Classification (arXiv 1909.06335), section 4.3.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import numpy as np

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.averaging import by_size
from fedmedlora.federation.memories import memory_of, recall
from fedmedlora.federation.strategy import Memory, Method, Strategy
from fedmedlora.federation.weighting import Weighting
from fedmedlora.ranges import above, at_least, below


@dataclass(frozen=True, slots=True, kw_only=True)
class FedAvgM:
    """Numbers of the server's step.

    Attributes:
        momentum: b, how much of the direction before is kept.
        rate: eta; with b = 0.9 and eta = 1 a direction that is kept counts ten times in the end.
    """

    momentum: Annotated[float, at_least(0), below(1)] = 0.5
    rate: Annotated[float, above(0)] = 1.0


def _strategy(name: str, own: FedAvgM, weighting: Weighting) -> Strategy:
    return replace(by_size(name, own, weighting), step=partial(_step, own=own))


def _step(
    memory: Memory, start: AdapterWeights, delta: AdapterWeights, *, own: FedAvgM
) -> tuple[AdapterWeights, Memory]:
    before = recall(memory, "momentum", start)
    v = {name: own.momentum * before[name] + delta[name] for name in before}
    adapter = {name: (start[name] + own.rate * v[name]).astype(np.float32) for name in v}
    return adapter, memory_of(momentum=v)


METHOD = Method("FedAvgM", _strategy, FedAvgM)
