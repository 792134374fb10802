"""Values in few steps, each block of them by its own largest.

    scale = largest |value| of the block / steps, in bfloat16,    code = round(value / scale)

A block with a value that is not finite comes back as NaN, so that it is seen where it arrives.

Source: Dettmers et al. 2022 (arXiv 2110.02861), section 2.1, blocks; the steps are even here.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.bfloat16 import narrowed, widened


def scaled(
    tensor: NDArray[np.float32], *, block: int, steps: int
) -> tuple[NDArray[np.int8], NDArray[np.uint16]]:
    """Return codes from -steps to steps, whole blocks in a row, and the blocks' scales."""
    flat = tensor.reshape(-1)
    padded = np.zeros(-(-flat.size // block) * block, np.float32)
    padded[: flat.size] = flat
    rows = padded.reshape(-1, block)
    scales = narrowed(np.abs(rows).max(axis=1, initial=0) / np.float32(steps))
    wide = widened(scales)[:, None]
    usable = np.isfinite(wide) & (wide > 0)
    codes = np.divide(rows, wide, out=np.zeros_like(rows), where=usable)
    return np.clip(np.rint(codes), -steps, steps).astype(np.int8).reshape(-1), scales


def restored(
    codes: NDArray[np.int8], scales: NDArray[np.uint16], shape: Sequence[int], *, block: int
) -> NDArray[np.float32]:
    """Return the values that codes and scales stand for.

    Raises:
        ValueError: There are too few or too many of them for the shape.
    """
    size = math.prod(shape)
    num_blocks = -(-size // block)
    if scales.shape != (num_blocks,) or not size <= codes.size <= num_blocks * block:
        raise ValueError(
            f"found {codes.size} codes and {scales.size} scales, expected {size} and {num_blocks}"
        )
    wide = widened(scales.astype("<u2", copy=False))
    # A scale of infinity must not come back as one times nothing.
    wide = np.where(np.isfinite(wide), wide, np.float32(np.nan))
    values = codes[:size].astype(np.float32) * np.repeat(wide, block)[:size]
    return values.reshape(shape)
