"""Noise at the server that hides a whole site in the global adapter.

    delta  =  sum_k w_k min(1, C / |delta_k|) delta_k  +  z C max_k w_k n      n normal, variance 1

over the sites that answered, with shares w that were fixed before the run and are not scaled up
where one is absent: so an update replaced by zero moves the sum by C max w at most. Shares that
follow from sizes, losses or shifts would move with a site, by up to 2 C max w, and so would a rule
that is not a sum.

Source: McMahan et al. (arXiv 1710.06963), Algorithm 1, its estimator with fixed weights; Geyer et
al. (arXiv 1712.07557).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AggregationError
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.strategy import Combined, Round, Strategy, averaged
from fedmedlora.federation.updates import SiteReport, SiteUpdate
from fedmedlora.federation.weighting import Weighed
from fedmedlora.privacy.randomness import Randomness

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class SiteNoise:
    """What hides a site.

    Attributes:
        shares: Every site of the federation to its share, fixed before the run.
        clip: C.
        noise_multiplier: z.
    """

    shares: Mapping[str, float]
    clip: float
    noise_multiplier: float

    @property
    def deviation(self) -> float:
        """Return the standard deviation of the noise of each value of the sum."""
        return self.noise_multiplier * self.clip * max(self.shares.values())


def is_noisable(strategy: Strategy) -> bool:
    """Return whether a rule is a plain sum of the updates by shares that can be fixed.

    What a server optimiser makes of the noisy sum is free.
    """
    rule = strategy.local
    plain = strategy.combine is averaged and not strategy.patches_base
    return plain and not strategy.needs and not rule.companions and rule.conclude is None


def hiding_sites(strategy: Strategy, noise: SiteNoise, randomness: Randomness) -> Strategy:
    """Return a rule that hides each site: fixed shares, clipped updates, noise on their sum.

    Raises:
        ValueError: The rule is none that noise can be added to.
    """
    if not is_noisable(strategy):
        raise ValueError(f"{strategy.name}: found no plain sum of updates, expected one")
    return replace(
        strategy,
        weigh=partial(_fixed, shares=noise.shares),
        combine=partial(_noisy, noise=noise, randomness=randomness),
    )


def clipped(delta: AdapterWeights, clip: float) -> AdapterWeights:
    """Return a change scaled down to an L2 norm over all its tensors; as it is where it is less.

    Raises:
        AggregationError: Its norm is not finite.
    """
    squares = [np.sum(np.square(delta[name], dtype=np.float64)) for name in delta]
    norm = math.sqrt(math.fsum(squares))
    if not math.isfinite(norm):
        raise AggregationError("update: found a norm that is not finite, expected one that is")
    if norm <= clip:
        return delta
    factor = clip / (norm * (1 + _ROUNDING))
    return {name: (delta[name] * factor).astype(np.float32) for name in delta}


def _fixed(
    memory: AdapterWeights, reports: Sequence[SiteReport], *, shares: Mapping[str, float]
) -> Weighed:
    del memory
    sites = sorted(report.site for report in reports)
    if strangers := [site for site in sites if site not in shares]:
        raise AggregationError(
            f"shares: found none for {', '.join(strangers)}, expected one that was fixed "
            "beforehand; begin a run with this site"
        )
    return Weighed({site: shares[site] for site in sites}, {site: {} for site in sites})


def _noisy(round_: Round, *, noise: SiteNoise, randomness: Randomness) -> Combined:
    updates = [_clipped_update(update, noise.clip) for update in round_.updates]
    summed = weighted_sum(updates, round_.shares, like=round_.received)
    return Combined({name: _with_noise(summed[name], noise, randomness) for name in sorted(summed)})


def _clipped_update(update: SiteUpdate, clip: float) -> SiteUpdate:
    return replace(update, delta=clipped(update.delta, clip))


def _with_noise(
    values: NDArray[np.float32], noise: SiteNoise, randomness: Randomness
) -> NDArray[np.float32]:
    drawn = randomness.normal(values.size).reshape(values.shape)
    noisy: NDArray[np.float32] = (values + noise.deviation * drawn).astype(np.float32)
    return noisy
