"""What a codec is: from a tensor to small arrays, and back, up to what it loses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Packed = Mapping[str, NDArray[Any]]
"""What stands for one tensor, by part; each part of a type that safetensors and numpy both have."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to write the values of a tensor.

    Attributes:
        pack: From a tensor to its parts.
        unpack: From parts and shape to the tensor that they stand for; a `ValueError` where they
            cannot stand for one of that shape.
        lossy: Whether what is lost is added to what is sent next.
    """

    pack: Callable[[NDArray[np.float32]], Packed]
    unpack: Callable[[Packed, Sequence[int]], NDArray[np.float32]]
    lossy: bool = True
