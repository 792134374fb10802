"""Multi-Krum: the updates that lie nearest to others are averaged alike, the rest left out.

    s_k  =  sum of |D_k - D_j|^2 over the K - f - 2 sites j nearest to k
    x    <-  x + mean of the D_k of the m sites with the smallest s_k

for f attackers among K sites, 2 f + 3 of them at least. Shares are 1/m or 0: sizes, losses and
`max_share` do not count. Of equal scores the first by name is chosen. With m = 1 this is Krum,
which there is no way to ask for: where hospitals differ, one of them stands for all.

Source: Blanchard et al. 2017, Machine Learning with Adversaries: Byzantine Tolerant Gradient
Descent (NeurIPS).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import numpy as np

from fedmedlora.errors import AggregationError
from fedmedlora.federation.averaging import alike
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.coordinates import Floats, blocks, in_order, of_one_shape
from fedmedlora.federation.strategy import Combined, Method, Round, Strategy
from fedmedlora.federation.updates import SiteUpdate
from fedmedlora.federation.weighting import Weighting
from fedmedlora.ranges import at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiKrum:
    """Numbers of the rule.

    Attributes:
        num_attackers: f; None is as many as the sites of a round allow, (K - 3) / 2 rounded down.
        num_kept: m, K - f at most; None is just that.
    """

    num_attackers: Annotated[int, at_least(0)] | None = None
    num_kept: Annotated[int, at_least(2)] | None = None


def _combine(round_: Round, *, own: MultiKrum) -> Combined:
    updates = in_order(round_.updates)
    count = len(updates)
    attackers = max(0, (count - 3) // 2) if own.num_attackers is None else own.num_attackers
    if attackers and count < 2 * attackers + 3:
        raise AggregationError(
            f"multi_krum: found {count} updates, expected {2 * attackers + 3} at least for "
            f"num_attackers = {attackers}; lower it, or raise quorum"
        )
    scores = _scores(_squared_distances(updates), max(0, count - attackers - 2))
    num_kept = min(own.num_kept or count, max(1, count - attackers))
    # Sorting is stable, and updates stand in the order of their names.
    kept = [updates[index] for index in np.argsort(scores, kind="stable")[:num_kept]]
    chosen = {update.report.site: 1 / num_kept for update in kept}
    delta = weighted_sum(kept, chosen)
    return Combined(delta, shares={u.report.site: chosen.get(u.report.site, 0.0) for u in updates})


def _squared_distances(updates: Sequence[SiteUpdate]) -> Floats:
    found = np.zeros((len(updates), len(updates)))
    for name in sorted(updates[0].delta):
        for block in blocks(of_one_shape(updates, name)):
            for index, values in enumerate(block):
                apart = block[index + 1 :] - values
                found[index, index + 1 :] += np.square(apart).sum(axis=1)
    return found + found.T


def _scores(distances: Floats, num_near: int) -> Floats:
    others = distances + np.diag(np.full(len(distances), np.inf))
    scores: Floats = np.sort(others, axis=1)[:, :num_near].sum(axis=1)
    return scores


def _strategy(name: str, own: MultiKrum, weighting: Weighting) -> Strategy:
    fewest = 2 * own.num_attackers + 3 if own.num_attackers else 1
    rule = alike(name, own, weighting)
    return replace(rule, combine=partial(_combine, own=own), one_rank=True, fewest_sites=fewest)


METHOD = Method("Multi-Krum (no shares)", _strategy, MultiKrum)
