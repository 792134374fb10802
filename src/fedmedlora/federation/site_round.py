"""A site's round: what it received and kept in, what it sends and keeps out.

Nothing here knows where the site is or who stores its memory; that is the engine's part.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.kinds import as_kinds, of_kind, plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.backbone import Backbone, LocalPlan, Steering
from fedmedlora.federation.local_rule import Finished, Kept, LocalRule
from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.weighting import Weighting
from fedmedlora.tasks.task import ExampleT

OWN = "own"
"""The kind of tensors that a site keeps to itself."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a site hands in after a round, and what it keeps.

    Attributes:
        delta: Local minus global, of the tensors that travel; a method's companions beside them.
        memory: What the site keeps for its next round; it does not travel.
        num_tokens: Label tokens in one pass over its examples.
        loss: What training made small, mean of the last epoch, in nats per label token.
        base: sha256 of the base model that was trained.
        start: sha256 of what it received.
        round_index: The round it was trained for, from 1.
    """

    delta: AdapterWeights
    memory: AdapterWeights
    num_tokens: int
    loss: float
    base: str
    start: str
    round_index: int


def local_rule(plan: LocalPlan) -> LocalRule:
    """Return what the method of a plan changes at a site."""
    method = plan.method
    # The shares are the server's affair.
    return strategy_by_name(method.name, method.own, weighting=Weighting(1.0, 0.0, 0.0)).local


def site_round(
    backbone: Backbone[ExampleT],
    received: AdapterWeights,
    examples: Sequence[ExampleT],
    plan: LocalPlan,
) -> Sent:
    """Return what training at a site came to.

    Raises:
        TrainingError: A loss or a weight is not finite, or there is nothing to train on.
    """
    rule, start = local_rule(plan), dict(plain(received))
    part = {name: rule.part(plan.round_index, name) for name in start}
    start |= of_kind(plan.memory, OWN)
    steering = Steering(
        frozen=frozenset(name for name in start if part[name] == "frozen"),
        proximal=rule.proximal,
        offset=rule.offset(received, plan.memory) if rule.offset else {},
        tells_gradient=rule.conclude is not None,
    )
    trained = backbone.train(start, examples, plan, steering=steering)
    finished = Finished(received, plan.memory, trained.gradient)
    kept = rule.conclude(finished) if rule.conclude else Kept()
    end = trained.adapter
    delta = {name: end[name] - start[name] for name in sorted(start) if part[name] == "shared"}
    own = {name: end[name] for name in sorted(start) if part[name] == "own"}
    return Sent(
        delta={**delta, **kept.sent},
        memory={**as_kinds(**{OWN: own}), **kept.memory},
        num_tokens=trained.num_tokens,
        loss=trained.loss,
        base=backbone.digest,
        start=adapter_digest(received),
        round_index=plan.round_index,
    )
