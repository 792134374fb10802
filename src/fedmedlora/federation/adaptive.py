"""Adaptive steps of the server, for methods to build upon: they differ in their second moment.

    m  <-  b1 m + (1 - b1) D
    v  <-  the method's own function of v and D^2, elementwise; v = tau^2 at first
    x  <-  x + eta m / (sqrt(v) + tau)

D is where the sites point. Nothing is corrected for the zeros that m begins with, as in the paper.

Source: Reddi et al. 2021, Adaptive Federated Optimization (arXiv 2003.00295), Algorithm 2.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.averaging import by_size
from fedmedlora.federation.memories import memory_of, recall
from fedmedlora.federation.strategy import Memory, Method, Strategy
from fedmedlora.federation.weighting import Weighting
from fedmedlora.ranges import above, at_least, below

Floats = NDArray[np.float64]
SecondMoment = Callable[[Floats, Floats, float], Floats]
"""From v, D^2 and b2 to the next v."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptive:
    """Numbers of the server's step.

    Attributes:
        rate: eta: how far a value moves in a round, about, once it keeps its direction.
        first_decay: b1, of the mean of what the sites point at.
        second_decay: b2, of the mean of its square.
        floor: tau: a value whose changes are below it moves less.
    """

    rate: Annotated[float, above(0)] = 1e-2
    first_decay: Annotated[float, at_least(0), below(1)] = 0.9
    second_decay: Annotated[float, at_least(0), below(1)] = 0.99
    floor: Annotated[float, above(0)] = 1e-3


def adaptive(title: str, second_moment: SecondMoment) -> Method:
    """Return the method with a second moment."""

    def strategy(name: str, own: Adaptive, weighting: Weighting) -> Strategy:
        step = partial(_step, own=own, second_moment=second_moment)
        return replace(by_size(name, own, weighting), step=step)

    return Method(title, strategy, Adaptive)


def _step(
    memory: Memory,
    start: AdapterWeights,
    delta: AdapterWeights,
    *,
    own: Adaptive,
    second_moment: SecondMoment,
) -> tuple[AdapterWeights, Memory]:
    first = recall(memory, "first_moment", start)
    second = recall(memory, "second_moment", start, at_first=own.floor**2)
    adapter: dict[str, NDArray[np.float32]] = {}
    m: dict[str, Floats] = {}
    v: dict[str, Floats] = {}
    for name in sorted(start):
        pointed = delta[name].astype(np.float64)
        m[name] = own.first_decay * first[name] + (1 - own.first_decay) * pointed
        v[name] = second_moment(second[name], pointed**2, own.second_decay)
        moved = own.rate * m[name] / (np.sqrt(v[name]) + own.floor)
        adapter[name] = (start[name] + moved).astype(np.float32)
    return adapter, memory_of(first_moment=m, second_moment=v)
