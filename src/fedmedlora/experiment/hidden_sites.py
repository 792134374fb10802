"""A round of an experiment in which the server hides each site: what is paid, added and told."""

import logging
from collections.abc import Mapping
from typing import Any

from fedmedlora.errors import AggregationError
from fedmedlora.experiment.open_round import OpenRound
from fedmedlora.experiment.private_arms import is_private, num_private_rounds
from fedmedlora.experiment.schema import Experiment
from fedmedlora.federation.strategy import Strategy
from fedmedlora.privacy.accounting import noise_for
from fedmedlora.privacy.randomness import OsRandomness, Randomness
from fedmedlora.privacy.site_level import SiteNoise, hiding_sites
from fedmedlora.privacy.spending import Payment, Spending
from fedmedlora.privacy.statement import site_statement

logger = logging.getLogger(__name__)

_UNIT = "site"
_SERVER = "server"
_FEW = 100


def rule_of(
    opened: OpenRound, randomness: Randomness | None = None
) -> tuple[Strategy, Mapping[str, Any]]:
    """Return the rule of a round, and what it says of privacy; one that hides sites is paid first.

    Args:
        randomness: Where noise comes from; None is the operating system.

    Raises:
        AggregationError: Sites have no fixed shares.
        StoreError: The record cannot be written.
    """
    arm, experiment = opened.arm, opened.experiment
    if experiment.privacy.mode != "site" or not is_private(arm):
        return arm.strategy, {}
    source = randomness or OsRandomness()
    noise = site_noise(experiment, [one.name for one in arm.participants])
    paid = Spending(opened.store.folder).pay(
        Payment(
            site=_SERVER,
            run=experiment.name,
            arm=arm.name,
            round_index=opened.round_index,
            unit=_UNIT,
            noise_multiplier=noise.noise_multiplier,
            rate=1.0,
            steps=1,
        )
    )
    told = site_statement(
        paid,
        delta=experiment.privacy.delta,
        clip=experiment.privacy.clip,
        is_private=source.is_private,
        num_sites=len(noise.shares),
        deviation=noise.deviation,
    )
    if opened.round_index == 1 and len(noise.shares) < _FEW:
        logger.warning("%s: %s", arm.name, told["warning"])
    return hiding_sites(arm.strategy, noise, source), {"privacy": {_SERVER: told}}


def site_noise(experiment: Experiment, sites: list[str]) -> SiteNoise:
    """Return what hides each of an experiment's sites.

    Args:
        sites: Those that train, in the order of the file.

    Raises:
        AggregationError: There are others than when the shares were fixed.
    """
    privacy, entries = experiment.privacy, experiment.sites_of("train")
    named = [entry.name for entry in entries]
    names = [name for name in named if name] if all(named) else sites
    if len(names) != len(entries):
        raise AggregationError(
            f"shares: found {len(names)} sites, expected the {len(entries)} that [[sites]] has, "
            "whose shares are fixed; wait for all of them"
        )
    shares = privacy.shares or (1 / len(names),) * len(names)
    multiplier = privacy.noise_multiplier or noise_for(
        privacy.epsilon or 0.0, 1.0, num_private_rounds(experiment, is_new=False), privacy.delta
    )
    return SiteNoise(dict(zip(names, shares, strict=True)), privacy.clip, multiplier)
