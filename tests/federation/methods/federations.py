"""A federation small enough to follow by hand, on a layer from 3 to 2 of rank 1 and a head.

Site k wants every value of a tensor to be its target t_k: its loss is the sum of (w - t_k)^2 / 2,
so that a gradient is w - t_k. Training is plain gradient descent of so many steps of a rate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tests.federation.learners import Learner

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.shelves import MemoryShelf, Shelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.backbone import (
    Backbone,
    ChosenMethod,
    LocalPlan,
    Steering,
    Trained,
)
from fedmedlora.federation.rounds import AggregationRecord, ServerState, aggregate
from fedmedlora.federation.site_round import Sent, site_round
from fedmedlora.federation.strategies import methods, strategy_by_name
from fedmedlora.federation.updates import Absence, SiteReport, SiteUpdate
from fedmedlora.federation.weighting import Weighting

A, B, HEAD = "q.lora_A.weight", "q.lora_B.weight", "classifier.weight"
START: AdapterWeights = {
    A: np.full((1, 3), 1.0, np.float32),
    B: np.zeros((2, 1), np.float32),
    HEAD: np.zeros((2, 2), np.float32),
}


def descent(num_steps: int, rate: float) -> Learner:
    """Return what trains by plain gradient descent; an example is its site's target."""

    def train(
        start: AdapterWeights, examples: Sequence[Any], plan: LocalPlan, steering: Steering
    ) -> Trained:
        del plan
        (target,) = examples
        weights = {name: start[name].astype(np.float64) for name in start}
        summed = {name: np.zeros(start[name].shape) for name in start}
        for _ in range(num_steps):
            for name in weights.keys() - steering.frozen:
                gradient = weights[name] - target
                summed[name] += gradient
                led = gradient + steering.proximal * (weights[name] - start[name])
                weights[name] = weights[name] - rate * (led + steering.offset.get(name, 0.0))
        mean = {name: (total / num_steps).astype(np.float32) for name, total in summed.items()}
        ended = {name: array.astype(np.float32) for name, array in weights.items()}
        return Trained(ended, 10, 0.5, mean if steering.tells_gradient else {})

    return Learner(train)


@dataclass
class Federation:
    """Sites that train under a method, round after round.

    Attributes:
        targets: Site to its target.
        tokens: Site to its label tokens, 10 where it is not named.
        forms: Site to its rank and its alpha / rank over the federation's, where they are its own.
        sent: What each site sent in the last round.
    """

    method: str
    targets: Mapping[str, float]
    backbone: Backbone[Any]
    numbers: Mapping[str, float] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    forms: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    state: ServerState = field(default_factory=lambda: ServerState(0, START))
    kept: dict[str, str] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=MemoryShelf)
    sent: dict[str, Sent] = field(default_factory=dict)
    record: AggregationRecord | None = None

    @property
    def memories(self) -> dict[str, AdapterWeights]:
        """Return what each site keeps."""
        return {site: self.shelf.get(sha256) for site, sha256 in self.kept.items()}

    def close_round(self, *, absent: Sequence[str] = ()) -> AdapterWeights:
        """Train and average once; return what the server sends next."""
        own = methods()[self.method].settings(**self.numbers)
        strategy = strategy_by_name(self.method, own, weighting=Weighting(1.0, 0.0, 0.0))
        round_index = self.state.round_index + 1
        self.sent = {
            site: site_round(
                self.backbone,
                self.state.adapter,
                [self.targets[site]],
                LocalPlan(
                    0,
                    round_index,
                    9,
                    method=ChosenMethod(self.method, own),
                    memory=self.kept.get(site),
                    rank=self.forms.get(site, (None, 1.0))[0],
                    scaling=self.forms.get(site, (None, 1.0))[1],
                ),
                self.shelf,
            )
            for site in self.targets
            if site not in absent
        }
        self.kept |= {site: one.memory for site, one in self.sent.items() if one.memory}
        reports = {
            site: SiteReport(site, round_index, self.tokens.get(site, 10), None, None)
            for site in self.sent
        }
        updates = [
            SiteUpdate(reports[site], one.delta, one.base, one.start)
            for site, one in self.sent.items()
        ]
        expected = strategy.local.expected(plain(self.state.adapter), round_index)
        assert all(set(one.delta) == set(expected) for one in updates)
        assert all(one.start == adapter_digest(self.state.adapter) for one in updates)
        absences = [Absence(site, "away") for site in absent]
        self.state, self.record = aggregate(self.state, updates, strategy, absences=absences)
        return self.state.adapter
