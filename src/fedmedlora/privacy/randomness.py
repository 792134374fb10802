"""Randomness for privacy: the operating system's, which no seed of an experiment repeats.

    u = floor(b / 2^11) / 2^53                        b: 64 random bits; u in [0, 1)
    z = sqrt(-2 ln(1 - u1)) (cos, sin)(2 pi u2)       two normal numbers of two uniform ones
    n = (z1 + z2 + z3 + z4) / 2

Sums of four are drawn, all in float64, so that which numbers a float can be tells less of what was
added to it. That is a hardening, no proof: the guarantee is that of real numbers, and how floats
round is outside it, as is how long a draw takes.

Source: Box and Muller, A Note on the Generation of Random Normal Deviates (1958); sums of 2n draws,
Holohan and Braghin (arXiv 2107.10138), section 5.1, with n = 2 as in Opacus 1.6.0,
opacus/optimizers/optimizer.py, `_generate_noise`.
"""

import os
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_SUMMED = 4
_UNUSED_BITS = np.uint64(11)


class Randomness(Protocol):
    """Where noise and draws come from."""

    is_private: bool
    """Whether nobody can know what comes."""

    def uniform(self, number: int) -> NDArray[np.float64]:
        """Return numbers, each of [0, 1) alike."""
        ...

    def normal(self, number: int) -> NDArray[np.float64]:
        """Return independent normal numbers of mean 0 and variance 1."""
        ...


class OsRandomness:
    """The operating system's source of random bytes."""

    is_private = True

    def uniform(self, number: int) -> NDArray[np.float64]:
        """Return numbers, each of [0, 1) alike."""
        return _uniform(os.urandom, number)

    def normal(self, number: int) -> NDArray[np.float64]:
        """Return independent normal numbers of mean 0 and variance 1."""
        return _normal(os.urandom, number)


class FixedRandomness:
    """A source for tests: the same numbers every time, so that nothing it hides is hidden."""

    is_private = False

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def uniform(self, number: int) -> NDArray[np.float64]:
        """Return numbers, each of [0, 1) alike."""
        return _uniform(self._rng.bytes, number)

    def normal(self, number: int) -> NDArray[np.float64]:
        """Return independent normal numbers of mean 0 and variance 1."""
        return _normal(self._rng.bytes, number)


def _uniform(random_bytes: Callable[[int], bytes], number: int) -> NDArray[np.float64]:
    bits = np.frombuffer(random_bytes(8 * number), dtype=np.uint64)
    return (bits >> _UNUSED_BITS).astype(np.float64) * 2.0**-53


def _normal(random_bytes: Callable[[int], bytes], number: int) -> NDArray[np.float64]:
    pairs = -(-_SUMMED * number // 2)
    uniform = _uniform(random_bytes, 2 * pairs)
    radius = np.sqrt(-2.0 * np.log1p(-uniform[:pairs]))
    angle = 2.0 * np.pi * uniform[pairs:]
    drawn = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    total: NDArray[np.float64] = drawn.reshape(_SUMMED, -1).sum(axis=0)
    return total[:number] / 2.0
