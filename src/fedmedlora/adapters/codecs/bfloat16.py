"""Values rounded to bfloat16, 2 bytes each: as far as float32 reaches, with 3 digits."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.bfloat16 import narrowed, widened
from fedmedlora.adapters.codec import Codec, Packed


def _unpack(packed: Packed, shape: Sequence[int]) -> NDArray[np.float32]:
    return widened(packed["values"].astype("<u2", copy=False)).reshape(shape)


CODEC = Codec(lambda tensor: {"values": narrowed(tensor)}, _unpack)
