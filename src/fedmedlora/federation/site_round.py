"""A site's round: what it received and kept in, what it sends and keeps out.

Nothing here knows where the site is or where its shelf stands; that is the engine's part.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.kinds import as_kinds, of_kind, plain
from fedmedlora.adapters.low_rank import narrow, widen
from fedmedlora.adapters.shelves import Shelf
from fedmedlora.adapters.weights import AdapterWeights, lora_factor
from fedmedlora.adapters.wire import read_update
from fedmedlora.federation.backbone import Backbone, LocalPlan, Steering
from fedmedlora.federation.clipping import Limits, held_back
from fedmedlora.federation.error_feedback import Coded, coded
from fedmedlora.federation.local_rule import Finished, Kept, LocalRule
from fedmedlora.federation.patches import model, patches
from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.weighting import Weighting
from fedmedlora.tasks.task import ExampleT

logger = logging.getLogger(__name__)

NORMS = "norms"
"""The kind of how far a site's updates went that stayed there, round by round."""
OWN = "own"
"""The kind of tensors that a site keeps to itself, of its rank, under the federation's scaling."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a site signs for an update.

    Attributes:
        manifest: What it says of the update, signed.
        consent: Its signature, in hex, that the manifest's digest may be recorded.
    """

    manifest: str
    consent: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What a site hands in after a round, and what it keeps.

    Attributes:
        payload: Local minus global of the tensors that travel, and a method's companions, as bytes
            for the wire; b"" where they stay at the site.
        memory: sha256 of what the site keeps for its next round, which does not travel; None where
            it keeps nothing.
        num_tokens: Label tokens in one pass over its examples.
        loss: What training made small, mean of the last epoch, in nats per label token.
        base: sha256 of the base model that was trained.
        start: sha256 of what it received.
        round_index: The round it was trained for, from 1.
        privacy: What can be said of the training's privacy; None where it was not private.
        attestation: What the site signed for it, None where nothing is signed.
        stays: sha256 of what would travel and stays at the site; None where it travels.
    """

    payload: bytes
    memory: str | None
    num_tokens: int
    loss: float
    base: str
    start: str
    round_index: int
    privacy: Mapping[str, Any] | None = None
    attestation: Attestation | None = None
    stays: str | None = None

    @property
    def delta(self) -> AdapterWeights:
        """Return the tensors of the payload, as whoever gets it has them."""
        return read_update(self.payload)


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
    shelf: Shelf,
) -> Sent:
    """Return what training at a site came to.

    A site of a smaller rank trains the first rows of A and columns of B. What it sends is meant
    under the federation's alpha / rank, whichever its own.

    Args:
        shelf: Where the site keeps what does not travel.

    Raises:
        TrainingError: A loss or a weight is not finite, or there is nothing to train on.
    """
    rule, folded = local_rule(plan), patches(received)
    memory = shelf.get(plan.memory) if plan.memory else {}
    given = narrow(received, plan.rank)
    begun = plain(given)
    start = dict(_rescaled({**begun, **of_kind(memory, OWN)}, 1 / plan.scaling))
    part = {name: rule.part(plan.round_index, name) for name in sorted(start)}
    steering = Steering(
        frozen=frozenset(name for name in part if part[name] == "frozen"),
        proximal=rule.proximal,
        offset=rule.offset(given, memory) if rule.offset else {},
        tells_gradient=rule.conclude is not None,
        scaling=plan.scaling,
    )
    # Zeros after the factors stay zeros: each factor's gradient is a product with the other's.
    wide = start if plan.rank is None else widen(start, plain(received))
    trained = backbone.train({**wide, **folded}, examples, plan, steering=steering)
    ended = narrow(trained.adapter, plan.rank)
    finished = Finished(given, memory, trained.gradient)
    kept = rule.conclude(finished) if rule.conclude else Kept()
    sent = _rescaled(ended, plan.scaling)
    delta = {name: sent[name] - begun[name] for name in part if part[name] == "shared"}
    own = {name: sent[name] for name in part if part[name] == "own"}
    meant = {**delta, **kept.sent}
    norms: AdapterWeights = {}
    if plan.limits is None:
        stays, travels = None, coded(meant, memory, plan.codec)
    else:
        held, norms = _held_back(meant, plan, plan.limits, of_kind(memory, NORMS))
        # What stays is told of by its digest before anybody can ask for more.
        stays, travels = shelf.put(held), Coded(b"")
    keeps = {**as_kinds(**{OWN: own, NORMS: norms}), **kept.memory, **travels.memory}
    return Sent(
        payload=travels.payload,
        memory=shelf.put(keeps) if keeps else None,
        num_tokens=trained.num_tokens,
        loss=trained.loss,
        base=backbone.digest,
        start=adapter_digest(received),
        round_index=plan.round_index,
        stays=stays,
        privacy=trained.privacy,
    )


def _held_back(
    delta: AdapterWeights, plan: LocalPlan, limits: Limits, before: AdapterWeights
) -> tuple[AdapterWeights, AdapterWeights]:
    """Return an update that does not go too far, and the norms of all rounds so far by kind."""
    earlier = {kind: before[kind].tolist() for kind in before}
    held, norms = held_back(delta, limits, before=earlier, scaling=plan.scaling)
    if held is not delta:
        logger.warning("round %d: its update went too far and is scaled down", plan.round_index)
    so_far = {
        kind: np.array([*earlier.get(kind, ()), norm], np.float32) for kind, norm in norms.items()
    }
    return held, so_far


def read_with(bundle: AdapterWeights, memory: AdapterWeights) -> AdapterWeights:
    """Return what a site reads with: the global model, with the site's own tensors in it."""
    adapter = model(bundle)
    return {**adapter, **widen(of_kind(memory, OWN), adapter)}


def _rescaled(adapter: AdapterWeights, factor: float) -> AdapterWeights:
    """Return an adapter of the same change under an alpha / rank that is that much smaller."""
    if factor == 1:
        return adapter
    number = np.float32(factor)
    return {n: adapter[n] * number if lora_factor(n) == "B" else adapter[n] for n in adapter}
