"""Rules that are exact, held against matrices in float64: two layers, neither square, and a head.

Training is a seeded step of every value, so that nothing about it is regular. What a site ends with
is what it was given and what it sent; its products are built whole here and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.federation.learners import Learner
from tests.federation.methods.federations import Federation

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.low_rank import layers
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.backbone import LocalPlan, Steering, Trained
from fedmedlora.federation.patches import patched
from fedmedlora.federation.rounds import ServerState

RANK = 4
SHAPES = {"k.lora_A.weight": (RANK, 5), "k.lora_B.weight": (3, RANK)}
SHAPES |= {"v.lora_A.weight": (RANK, 6), "v.lora_B.weight": (9, RANK), "head": (2, 3)}
TOKENS = {"a": 10, "b": 70, "c": 20}
UNEQUAL = {"a": (2, 2.0), "c": (1, 0.5)}
"""Ranks, and alpha / rank over the federation's; b has the federation's."""
SHARES = {"a": 0.1, "b": 0.7, "c": 0.2}
Matrices = dict[str, NDArray[np.float64]]


def start() -> AdapterWeights:
    rng = np.random.default_rng(0)
    drawn = {n: rng.normal(size=shape).astype(np.float32) for n, shape in SHAPES.items()}
    return {n: np.zeros_like(t) if ".lora_B." in n else t for n, t in drawn.items()}


def noise(
    start: AdapterWeights, examples: Sequence[Any], plan: LocalPlan, steering: Steering
) -> Trained:
    """Step every value of the site's own rank at random; an example seeds it."""
    del steering
    rng = np.random.default_rng([int(examples[0]), plan.round_index])
    ended: dict[str, NDArray[np.float32]] = {}
    for name, tensor in sorted(plain(start).items()):
        step = (rng.normal(size=tensor.shape) / 3).astype(np.float32)
        if ".lora_A." in name:
            step[plan.rank or RANK :] = 0
        if ".lora_B." in name:
            step[:, plan.rank or RANK :] = 0
        ended[name] = np.add(tensor, step, dtype=np.float32)
    return Trained(ended, 10, 0.5)


def federation(method: str, forms: Mapping[str, tuple[int, float]] | None = None) -> Federation:
    return Federation(
        method,
        {"a": 1.0, "b": 2.0, "c": 3.0},
        Learner(noise),
        tokens=TOKENS,
        forms=forms or {},
        state=ServerState(0, start()),
    )


def change(bundle: AdapterWeights) -> Matrices:
    """Return the whole change of each layer, patches too, as matrices."""
    found = {
        a: bundle[b].astype(np.float64) @ bundle[a].astype(np.float64)
        for a, b in layers(plain(bundle))
    }
    for (a, _), patch in patched(bundle):
        found[a] += patch.b @ patch.a
    return found


def patches_alone(bundle: AdapterWeights) -> Matrices:
    return {a: patch.b @ patch.a for (a, _), patch in patched(bundle)}


def mean_of_products(given: AdapterWeights, after: Federation) -> Matrices:
    """Return the mean over the sites of B A after training, by shares, as matrices."""
    total: Matrices = {}
    for a, b in layers(plain(given)):
        for site, share in SHARES.items():
            delta = after.sent[site].delta
            rank = delta[a].shape[0]
            local_a = given[a][:rank].astype(np.float64) + delta[a]
            local_b = given[b][:, :rank].astype(np.float64) + delta[b]
            total[a] = total.get(a, 0) + share * (local_b @ local_a)
    return total


def furthest(found: Matrices, expected: Matrices) -> float:
    assert found.keys() == expected.keys() != set()
    return max(float(np.abs(found[layer] - expected[layer]).max()) for layer in found)
