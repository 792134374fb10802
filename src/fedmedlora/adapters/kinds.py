"""Files that hold more than an adapter: companions of its tensors, each under a kind.

`control/q_proj.lora_A.weight` is of the kind control and belongs to `q_proj.lora_A.weight`. So what
accompanies an adapter is stored, sent and verified as the adapter is. Names of tensors hold
dots, never a slash.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights

_MARK = "/"


def plain(bundle: AdapterWeights) -> AdapterWeights:
    """Return the adapter in a bundle, without what accompanies it."""
    return {name: bundle[name] for name in bundle if _MARK not in name}


def kind_of(name: str) -> str:
    """Return the kind of a companion by its name, "" for a tensor of the adapter itself."""
    return name.partition(_MARK)[0] if _MARK in name else ""


def tensor_of(name: str) -> str:
    """Return the name of the tensor that a companion belongs to, or that of the tensor itself."""
    return name.rpartition(_MARK)[2]


def of_kind(bundle: AdapterWeights, kind: str) -> AdapterWeights:
    """Return the companions of a kind by the names of the tensors they belong to."""
    begins = f"{kind}{_MARK}"
    return {name.removeprefix(begins): bundle[name] for name in bundle if name.startswith(begins)}


def as_kinds(**kinds: Mapping[str, NDArray[np.float32]]) -> AdapterWeights:
    """Return a bundle of companions."""
    return {
        f"{kind}{_MARK}{name}": tensors[name] for kind, tensors in kinds.items() for name in tensors
    }
