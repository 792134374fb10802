"""Blocks of 64 values in 127 steps either way of 0, 1.03 bytes each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.blocks import restored, scaled
from fedmedlora.adapters.codec import Codec, Packed

_BLOCK, _STEPS = 64, 127


def _pack(tensor: NDArray[np.float32]) -> Packed:
    codes, scales = scaled(tensor, block=_BLOCK, steps=_STEPS)
    return {"codes": codes[: tensor.size], "scales": scales}


def _unpack(packed: Packed, shape: Sequence[int]) -> NDArray[np.float32]:
    return restored(packed["codes"], packed["scales"], shape, block=_BLOCK)


CODEC = Codec(_pack, _unpack)
