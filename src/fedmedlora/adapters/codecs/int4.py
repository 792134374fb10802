"""Blocks of 64 values in 7 steps either way of 0, two values a byte, 0.53 bytes each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.blocks import restored, scaled
from fedmedlora.adapters.codec import Codec, Packed

_BLOCK, _STEPS = 64, 7


def _pack(tensor: NDArray[np.float32]) -> Packed:
    codes, scales = scaled(tensor, block=_BLOCK, steps=_STEPS)
    # Whole blocks: their number of values is even.
    nibbles = (codes + np.int8(_STEPS)).view(np.uint8)
    return {"codes": nibbles[0::2] | (nibbles[1::2] << 4), "scales": scales}


def _unpack(packed: Packed, shape: Sequence[int]) -> NDArray[np.float32]:
    pairs = packed["codes"].astype(np.uint8, copy=False)
    nibbles = np.stack([pairs & 15, pairs >> 4], axis=1).reshape(-1)
    codes = nibbles.view(np.int8) - np.int8(_STEPS)
    return restored(codes, packed["scales"], shape, block=_BLOCK)


CODEC = Codec(_pack, _unpack)
