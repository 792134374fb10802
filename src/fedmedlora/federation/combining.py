"""How updates become one change of the global adapter.

    Δ  =  Σ_k share_k · Δ_k          tensor by tensor, in float64, in site-name order

The factors A and B of a layer are averaged apart, and that is inexact: the mean of the products
B_k·A_k is not the product of the means. It is exact where all sites share one of the two factors.
Rules without this error are other functions of the same signature.

Source: McMahan et al. 2017 (arXiv 1602.05629), Algorithm 1, on the factors of LoRA as in FedIT
(Zhang et al. 2024, arXiv 2305.05644).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.kinds import tensor_of
from fedmedlora.adapters.low_rank import widened
from fedmedlora.adapters.weights import (
    AdapterWeights,
    differs_in_rank_only,
    names_fault,
    shape_fault,
)
from fedmedlora.errors import AggregationError
from fedmedlora.federation.updates import SiteUpdate

_PIECE = 1 << 15
"""Values at a time: 256 KiB of products."""


def weighted_sum(
    updates: Sequence[SiteUpdate],
    shares: Mapping[str, float],
    *,
    like: AdapterWeights | None = None,
) -> AdapterWeights:
    """Return the sum of the sites' deltas, each times its share.

    The order of the updates does not change a bit of the result. One tensor of one site is read at
    a time, so memory does not grow with the number of sites.

    Args:
        like: An adapter as wide as the sum; a delta of a smaller LoRA rank counts as zero beyond
            its own. None takes deltas of one rank alone.

    Raises:
        AggregationError: The shares are not for just these sites, or deltas differ in shape.
    """
    ordered = sorted(updates, key=lambda update: update.report.site)
    sites = [update.report.site for update in ordered]
    if not sites or sites != sorted(shares):
        raise AggregationError(
            f"shares: found for {sorted(shares)}, expected for {sites}, each site once"
        )
    deltas = [(shares[update.report.site], update.delta) for update in ordered]
    first = ordered[0].delta
    for update in ordered:
        if fault := names_fault(update.delta, first):
            raise AggregationError(str(fault))
    shapes = {name: like[tensor_of(name)].shape if like else None for name in sorted(first)}
    return {name: _summed(name, deltas, shape) for name, shape in shapes.items()}


def _summed(
    name: str, deltas: Sequence[tuple[float, AdapterWeights]], shape: tuple[int, ...] | None
) -> NDArray[np.float32]:
    total: NDArray[np.float64] | None = None
    for share, delta in deltas:
        part = delta[name]
        if shape is not None and differs_in_rank_only(name, part.shape, shape):
            part = widened(name, part, shape)
        if total is None:
            total = np.multiply(part, share, dtype=np.float64)
            continue
        if fault := shape_fault(name, part.shape, total.shape):
            raise AggregationError(str(fault))
        _add(total.reshape(-1), part.reshape(-1), share)
    if total is None:
        raise AggregationError("updates: found none, expected at least one")
    return total.astype(np.float32)


def _add(total: NDArray[np.float64], part: NDArray[np.float32], share: float) -> None:
    """Add a part times its share to a total, in place, in pieces that stay in the cache."""
    piece = np.empty(_PIECE)
    for begin in range(0, len(total), _PIECE):
        end = min(begin + _PIECE, len(total))
        product = np.multiply(part[begin:end], share, out=piece[: end - begin], dtype=np.float64)
        total[begin:end] += product
