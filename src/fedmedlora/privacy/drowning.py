"""Noise that drowns the error of a decryption before anybody without the key sees the numbers.

    told = (round(2^28 · x) + n) / 2^28,    n = ones among 32 bits - ones among 32 others

What CKKS decrypts is off by a little, and this error together with the ciphertext gives the key
away: who knows both solves linear equations for it. The server knows the encrypted sum and is told
the sum, so it is told the sum with noise of standard deviation 4 / 2^28 = 1.5e-8, more than a
hundred times that of the error; no number is off by more than 1.3e-7. The noise follows from the
key and the ciphertext: all sites draw the same, whoever asks twice gets the same, and no one
without the key can take it off. It is computed in whole numbers, as machines must agree on it.

This drowns the error, by far not as deep as a proof of security against such questions asks for.

Source: the attack, Li and Micciancio 2021, On the Security of Homomorphic Encryption on Approximate
Numbers (Eurocrypt); the centred binomial distribution, as in Kyber (FIPS 203, section 4.2.2).
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

STEP = 2.0**-28
MOST = 32.5 * STEP
"""No number is off by more."""


def drowned(values: NDArray[np.float64], *, secret: bytes, place: bytes) -> NDArray[np.float64]:
    """Return numbers with noise that follows from a secret and a place.

    Args:
        values: Of any shape.
        secret: What only those know who may know the numbers as they are.
        place: What the numbers were decrypted from; another place has other noise.
    """
    length = len(secret).to_bytes(8, "little")
    drawn = hashlib.shake_256(length + secret + place).digest(8 * values.size)
    ones = np.bitwise_count(np.frombuffer(drawn, "<u4")).astype(np.int64).reshape(-1, 2)
    noise = (ones[:, 0] - ones[:, 1]).reshape(values.shape)
    told: NDArray[np.float64] = (np.rint(values / STEP) + noise) * STEP
    return told
