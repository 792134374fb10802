"""bfloat16 without a library for it: the upper half of a float32, rounded to nearest, to even.

Source: IEEE 754 rounding to nearest, ties to even, applied to the lower 16 bits.
"""

import numpy as np
from numpy.typing import NDArray

_HALF = np.uint32(0x7FFF)
_NAN = np.uint16(0x7FC0)


def narrowed(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the bits of values in bfloat16, in their shape."""
    bits = values.astype("<f4").view("<u4")
    rounded = ((bits + _HALF + ((bits >> 16) & 1)) >> 16).astype("<u2")
    return np.where(np.isnan(values), _NAN, rounded)


def widened(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return the values of bits in bfloat16, exactly, in their shape."""
    return (bits.astype("<u4") << 16).view("<f4")
