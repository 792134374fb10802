"""The largest twentieth of a tensor's values alone, in bfloat16 with their places, 0.3 bytes each.

Source: Aji and Heafield 2017, Sparse Communication for Distributed Gradient Descent (arXiv
1704.05021).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.bfloat16 import narrowed, widened
from fedmedlora.adapters.codec import Codec, Packed

_ONE_IN = 20


def _pack(tensor: NDArray[np.float32]) -> Packed:
    flat = tensor.reshape(-1)
    # What is not a number sorts last, and so is among the largest and seen.
    order = np.argsort(np.abs(flat), kind="stable")
    places = np.sort(order[flat.size - _num_kept(flat.size) :])
    return {"places": places.astype("<u4"), "values": narrowed(flat[places])}


def _unpack(packed: Packed, shape: Sequence[int]) -> NDArray[np.float32]:
    places, values = packed["places"], widened(packed["values"].astype("<u2", copy=False))
    size = math.prod(shape)
    kept = (_num_kept(size),)
    if places.shape != kept or values.shape != kept or places.max(initial=0) >= max(size, 1):
        raise ValueError(f"found places that {size} values do not have, expected {kept[0]} of them")
    flat = np.zeros(size, np.float32)
    flat[places] = values
    return flat.reshape(shape)


def _num_kept(size: int) -> int:
    return -(-size // _ONE_IN)


CODEC = Codec(_pack, _unpack)
