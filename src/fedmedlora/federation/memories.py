"""What a server keeps from round to round: kinds of tensors, one of each kind to an adapter tensor.

A memory is a mapping of named float32 arrays as an adapter is, so that it is stored and verified
as one; `momentum/q_proj.lora_A.weight` is the momentum of that tensor.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.kinds import as_kinds, of_kind
from fedmedlora.adapters.weights import AdapterWeights


def recall(
    memory: AdapterWeights, kind: str, start: AdapterWeights, *, at_first: float = 0.0
) -> Mapping[str, NDArray[np.float64]]:
    """Return one kind of memory by adapter tensor, in float64.

    Args:
        start: The adapter; its names and shapes are those of the kind.
        at_first: What every value is before the first round.
    """
    known = of_kind(memory, kind)
    return {
        name: known[name].astype(np.float64)
        if name in known
        else np.full(start[name].shape, at_first)
        for name in sorted(start)
    }


def memory_of(**kinds: Mapping[str, NDArray[np.float64]]) -> AdapterWeights:
    """Return a memory of kinds, rounded to float32."""
    rounded = {
        kind: {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
        for kind, tensors in kinds.items()
    }
    return as_kinds(**rounded)
