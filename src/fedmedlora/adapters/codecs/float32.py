"""Values as they are, 4 bytes each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.codec import Codec, Packed


def _unpack(packed: Packed, shape: Sequence[int]) -> NDArray[np.float32]:
    return packed["values"].astype("<f4", copy=False).reshape(shape)


CODEC = Codec(lambda tensor: {"values": tensor.astype("<f4", copy=False)}, _unpack, lossy=False)
