"""The largest third of a tensor's values alone, as `int4` has them, with places, 0.3 bytes each.

Source: Aji and Heafield 2017, Sparse Communication for Distributed Gradient Descent (arXiv
1704.05021), section 3.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.codec import Codec, Packed
from fedmedlora.adapters.codecs import int4

_ONE_IN = 3


def _pack(tensor: NDArray[np.float32]) -> Packed:
    flat = tensor.reshape(-1)
    # What is not a number sorts last, and so is among the largest and seen.
    order = np.argsort(np.abs(flat), kind="stable")
    places = np.sort(order[flat.size - _num_kept(flat.size) :])
    kept = np.zeros(flat.size, bool)
    kept[places] = True
    return {"kept": np.packbits(kept), **int4.CODEC.pack(flat[places])}


def _unpack(packed: Packed, shape: Sequence[int]) -> NDArray[np.float32]:
    size = math.prod(shape)
    num_kept = _num_kept(size)
    kept = np.unpackbits(packed["kept"].astype(np.uint8, copy=False)).view(bool)
    places = np.flatnonzero(kept)
    if kept.size != -(-size // 8) * 8 or places.size != num_kept:
        raise ValueError(f"found {places.size} of {kept.size}, expected {num_kept} of {size}")
    flat = np.zeros(size, np.float32)
    # Several times as fast as to go through all that are not kept.
    flat[places] = int4.CODEC.unpack(packed, (num_kept,))
    return flat.reshape(shape)


def _num_kept(size: int) -> int:
    return -(-size // _ONE_IN)


CODEC = Codec(_pack, _unpack)
