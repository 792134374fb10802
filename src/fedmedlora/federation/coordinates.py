"""Rules that look at every value by itself, over all sites: what each tensor's values come to.

Memory holds one tensor of all sites at a time, and of that a block in float64.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import shape_fault
from fedmedlora.errors import AggregationError
from fedmedlora.federation.strategy import Combined, Round
from fedmedlora.federation.updates import SiteUpdate

Floats = NDArray[np.float64]
Rule = Callable[[Floats], Floats]
"""From the values of a block, (site, value), to one of each."""

_BLOCK = 1 << 15
"""Values of a site at a time: 256 KiB of each."""


def coordinate_wise(round_: Round, rule: Rule) -> Combined:
    """Return where the sites point, value by value.

    Raises:
        AggregationError: Deltas differ in shape.
    """
    updates = in_order(round_.updates)
    return Combined({name: _combined(updates, name, rule) for name in sorted(updates[0].delta)})


def in_order(updates: Sequence[SiteUpdate]) -> list[SiteUpdate]:
    """Return updates in site-name order.

    Raises:
        AggregationError: There is none.
    """
    if not updates:
        raise AggregationError("updates: found none, expected at least one")
    return sorted(updates, key=lambda update: update.report.site)


def blocks(tensors: Sequence[NDArray[np.float32]]) -> Iterator[Floats]:
    """Yield the values of tensors of one shape side by side, (tensor, value), in blocks."""
    rows = [tensor.reshape(-1) for tensor in tensors]
    for begin in range(0, rows[0].size, _BLOCK):
        yield np.stack([row[begin : begin + _BLOCK] for row in rows]).astype(np.float64)


def of_one_shape(updates: Sequence[SiteUpdate], name: str) -> list[NDArray[np.float32]]:
    """Return a tensor of all updates.

    Raises:
        AggregationError: They differ in shape; sites of another LoRA rank cannot be compared.
    """
    tensors = [update.delta[name] for update in updates]
    for tensor in tensors:
        if fault := shape_fault(name, tensor.shape, tensors[0].shape):
            raise AggregationError(str(fault))
    return tensors


def _combined(updates: Sequence[SiteUpdate], name: str, rule: Rule) -> NDArray[np.float32]:
    tensors = of_one_shape(updates, name)
    parts = [rule(block).astype(np.float32) for block in blocks(tensors)]
    found = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return found.reshape(tensors[0].shape)
