"""Three rounds of a server's step on one value, from 1, pointed at 1, then -2, then 0.5."""

import numpy as np

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.strategies import methods, strategy_by_name
from fedmedlora.federation.weighting import Weighting

POINTED = (1.0, -2.0, 0.5)


def walked(name: str, **numbers: float) -> list[float]:
    """Return the value after each round."""
    own = methods()[name].settings(**numbers)
    strategy = strategy_by_name(name, own, weighting=Weighting(1.0, 0.0, 0.0))
    value: AdapterWeights = {"w": np.array([1.0], np.float32)}
    memory: AdapterWeights = {}
    seen = []
    for pointed in POINTED:
        delta = {"w": np.array([pointed], np.float32)}
        value, memory = strategy.step(memory, value, delta)
        seen.append(float(value["w"][0]))
    return seen
