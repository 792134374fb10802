"""What exact rules fold into the base: a change of its weights beside the adapter's, as factors.

Every round that folds something adds a patch of its own, `patch3/q_proj.lora_A.weight` in the third
such round; the change of a layer is the sum of all its patches' B A, in the adapter's scaling s.
They accompany the adapter wherever it goes: without them it is another model.
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from fedmedlora.adapters.kinds import as_kinds, kind_of, of_kind, plain
from fedmedlora.adapters.low_rank import Factors, factors, layers, total
from fedmedlora.adapters.weights import AdapterWeights

_KIND = re.compile(r"patch\d+")


def next_patch(
    received: AdapterWeights, changes: Mapping[tuple[str, str], Factors]
) -> AdapterWeights:
    """Return one more patch, rounded to float32.

    Args:
        received: What the round began with, its patches too.
        changes: By layer, its names of A and of B.
    """
    earlier = _patch_kinds(received)
    tensors = {}
    for (a, b), change in changes.items():
        tensors[a], tensors[b] = change.a.astype(np.float32), change.b.astype(np.float32)
    return as_kinds(**{f"patch{len(earlier) + 1}": tensors})


def patches(bundle: AdapterWeights) -> AdapterWeights:
    """Return all patches in a bundle, as they stand in it."""
    return {name: bundle[name] for name in bundle if _KIND.fullmatch(kind_of(name))}


def model(bundle: AdapterWeights) -> AdapterWeights:
    """Return what of a bundle a base needs to be the model: the adapter and all patches."""
    return {**plain(bundle), **patches(bundle)}


def as_adapter(bundle: AdapterWeights) -> tuple[AdapterWeights, int]:
    """Return one adapter that changes a base as a bundle does, and how many times as wide it is.

    The patches' factors stand after the adapter's own, zeros after them up to a whole multiple of
    the rank, so that alpha times that multiple keeps the adapter's scaling. Exact.
    """
    adapter = plain(bundle)
    wider = {
        layer: total([factors(adapter, layer), change])
        for layer, change in patched(bundle)
        if layer[0] in adapter
    }
    if not wider:
        return adapter, 1
    rank = min(adapter[a].shape[0] for a, _ in wider)
    times = -(-max(change.a.shape[0] for change in wider.values()) // rank)
    for a, b in layers(adapter):
        change = wider.get((a, b), factors(adapter, (a, b)))
        zeros = rank * times - change.a.shape[0]
        adapter = {
            **adapter,
            a: np.pad(change.a, ((0, zeros), (0, 0))).astype(np.float32),
            b: np.pad(change.b, ((0, 0), (0, zeros))).astype(np.float32),
        }
    return adapter, times


def patched(bundle: AdapterWeights) -> Iterator[tuple[tuple[str, str], Factors]]:
    """Yield each layer that any patch changes, by its names of A and B, and the whole change."""
    found: dict[tuple[str, str], list[Factors]] = {}
    for kind in _patch_kinds(bundle):
        tensors = of_kind(bundle, kind)
        for layer in layers(tensors):
            found.setdefault(layer, []).append(factors(tensors, layer))
    for layer, changes in found.items():
        yield layer, total(changes)


def _patch_kinds(bundle: AdapterWeights) -> list[str]:
    return sorted({kind for kind in map(kind_of, bundle) if _KIND.fullmatch(kind)})
