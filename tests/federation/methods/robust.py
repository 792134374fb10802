"""What a robust rule makes of the updates of some sites, and the laws that all such rules keep."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AggregationError
from fedmedlora.federation.rounds import AggregationRecord, ServerState, aggregate
from fedmedlora.federation.strategies import methods, strategy_by_name
from fedmedlora.federation.updates import SiteReport, SiteUpdate
from fedmedlora.federation.weighting import Weighting

W, V = "w", "v"


def deltas(num_sites: int, *, seed: int = 0, size: int = 40_000) -> dict[str, AdapterWeights]:
    """Return random deltas of two tensors, one of more values than a block."""
    rng = np.random.default_rng(seed)
    return {
        f"site{index:02}": {
            W: rng.normal(size=(2, size // 2)).astype(np.float32),
            V: rng.normal(size=3).astype(np.float32),
        }
        for index in range(num_sites)
    }


def values(**of_sites: Sequence[float]) -> dict[str, AdapterWeights]:
    """Return deltas of one tensor."""
    return {site: {W: np.array(own, np.float32)} for site, own in of_sites.items()}


def closed(
    method: str,
    sites: Mapping[str, AdapterWeights],
    order: Sequence[str] = (),
    /,
    **numbers: float | None,
) -> tuple[AdapterWeights, AggregationRecord]:
    """Return the change of the global adapter and the record of the round; sizes differ."""
    own = methods()[method].settings(**numbers)
    strategy = strategy_by_name(method, own, weighting=Weighting(1.0, 1.0, 1.0))
    updates = [
        SiteUpdate(SiteReport(site, 1, 10**index, None, None), sites[site], "b", "s")
        for index, site in enumerate(order or sites)
    ]
    first = next(iter(sites.values()))
    start = {name: np.zeros_like(first[name]) for name in first}
    state, record = aggregate(ServerState(0, start), updates, strategy)
    return state.adapter, record


def require_laws(method: str, **numbers: float | None) -> None:
    """Hold a rule against what every robust rule must do."""
    sites = deltas(7)
    alike = dict.fromkeys(sites, sites["site03"])
    same, _ = closed(method, alike, **numbers)
    forwards, _ = closed(method, sites, **numbers)
    backwards, _ = closed(method, sites, [*sites][::-1], **numbers)
    for name in (W, V):
        # A mean of seven equal values may be a rounding away from them.
        np.testing.assert_allclose(same[name], sites["site03"][name], rtol=1e-6)
        np.testing.assert_array_equal(forwards[name], backwards[name])


def require_one_shape(method: str) -> None:
    """Hold a rule against sites of another rank."""
    with pytest.raises(AggregationError, match=r"'w': found \(2,\), expected \(1,\)"):
        closed(method, values(a=[1.0], b=[1.0, 2.0], c=[1.0]))


def require_honest_range(method: str, count: int, /, **numbers: float | None) -> None:
    """Hold a rule of seven sites against attackers who send whatever is largest."""
    sites = deltas(7, size=100)
    honest = [*sites][count:]
    low = np.min([sites[site][W] for site in honest], axis=0)
    high = np.max([sites[site][W] for site in honest], axis=0)
    for site in [*sites][:count]:
        sites[site] = {name: np.full_like(sites[site][name], 1e6) for name in (W, V)}

    found, _ = closed(method, sites, **numbers)

    assert (found[W] >= low - 1e-6).all()
    assert (found[W] <= high + 1e-6).all()
