"""Patches in the frozen weights of a loaded base, so that exact rules cost nothing when it reads.

    W  =  W_0 + s B A

W_0 is kept as it was loaded from the first patch on, so that one base serves every adapter.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from peft.tuners.lora import LoraLayer

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import ModelError
from fedmedlora.federation.patches import patched, patches


class FoldedPatches:
    """What is folded into one model's base at the moment."""

    def __init__(self, layers: Mapping[str, LoraLayer]) -> None:
        """Take hold of the layers that can be patched, by the names of their factors A."""
        self._layers = layers
        self._loaded: dict[str, torch.Tensor] = {}
        self._folded: AdapterWeights | None = {}

    @torch.no_grad()
    def write(self, bundle: AdapterWeights) -> None:
        """Fold the patches of a bundle, and no others, into the base.

        Raises:
            ModelError: A patch is for another base, or the base is held in four bits.
        """
        wanted = patches(bundle)
        if self._folded is not None and _same(wanted, self._folded):
            return
        for name, weight in self._loaded.items():
            self._weight(name).copy_(weight)
        # What fails in between must not be taken for done.
        self._folded = None
        for (name, _), change in patched(wanted):
            weight = self._weight(name)
            self._loaded.setdefault(name, weight.clone())
            scaling = self._layers[name].scaling["default"]
            matrix = torch.from_numpy(change.b) @ torch.from_numpy(change.a)
            weight.copy_(self._loaded[name].double() + scaling * matrix.to(weight.device))
        self._folded = wanted

    def _weight(self, name: str) -> torch.Tensor:
        layer: Any = self._layers.get(name)
        if layer is None:
            raise ModelError(
                f"adapter: found a patch of {name!r}, expected one of a layer of this base; use "
                "the base and target modules it was made for"
            )
        weight: torch.Tensor = layer.get_base_layer().weight
        if not weight.is_floating_point():
            raise ModelError(
                "adapter: found a patch for a base in four bits, expected none; set "
                'model.quantization to "none"'
            )
        return weight


def _same(one: AdapterWeights, other: AdapterWeights) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name]) for name in one
    )
