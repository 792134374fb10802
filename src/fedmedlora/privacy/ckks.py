"""Blocks of numbers, encrypted so that who has no key can form a weighted sum of them.

    encrypt(x) = (-a·s + Δ·x + e,  a) modulo q     share · encrypt(x) + share' · encrypt(x') = ...

The sites share the secret s; the server computes with the parameters alone, which are public, and
no key at all. Nothing is rescaled: a block is multiplied once, and q has room for it.

Source: Cheon, Kim, Kim and Song 2017, Homomorphic Encryption for Arithmetic of Approximate Numbers
(CKKS); TenSEAL 0.3.18 over Microsoft SEAL. Degree 8192 with 160 bits of modulus keeps 128 bits of
security by the table of homomorphicencryption.org, whose limit there is 218.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmedlora.errors import Fault, InputError, ModelError

NUM_SLOTS = 4096
"""Numbers in a block."""
_DEGREE = 2 * NUM_SLOTS
_MODULUS_BITS = (60, 40, 60)
_SCALE = 2.0**40
_TROUBLE = (ValueError, RuntimeError, TypeError)


@dataclass(frozen=True, slots=True)
class Key:
    """What the sites share and the server must not have.

    Attributes:
        content: The bytes of its file.
    """

    content: bytes

    def __repr__(self) -> str:
        return f"Key({self.id})"

    @property
    def id(self) -> str:
        """Return by what a key is known; it says nothing about the key."""
        return hashlib.sha256(b"fedmedlora blind key\0" + self.content).hexdigest()


def require_installed() -> None:
    """Let pass where encryption is to be had.

    Raises:
        InputError: The extra `blind` is not installed.
    """
    _tenseal()


def new_key() -> Key:
    """Return a key that nobody else has, from the operating system's randomness.

    Raises:
        InputError: The extra `blind` is not installed.
    """
    context = _context(symmetric=True)
    secret = {"save_secret_key": True, "save_public_key": False}
    other = {"save_galois_keys": False, "save_relin_keys": False}
    return Key(context.serialize(**secret, **other))


def encrypt(block: NDArray[np.float64], key: Key) -> bytes:
    """Return a block encrypted, each time to other bytes.

    Raises:
        InputError: The extra `blind` is not installed.
        ModelError: The key is none.
        ValueError: There are more or fewer numbers than a block has, or not all are finite.
    """
    if block.shape != (NUM_SLOTS,) or not np.isfinite(block).all():
        raise ValueError(f"block: expected {NUM_SLOTS} finite numbers")
    return bytes(_tenseal().ckks_vector(_opened(key), block.tolist()).serialize())


def weighted_block(blocks: Sequence[bytes], shares: Sequence[float]) -> bytes:
    """Return the encrypted sum of encrypted blocks, each times its share; no key is needed.

    The same blocks and shares in the same order give the same bytes; a share below 1e-12 counts as
    0.

    Raises:
        InputError: The extra `blind` is not installed.
        ModelError: Something is no block, or of other parameters.
    """
    total: Any = None
    for block, share in zip(blocks, shares, strict=True):
        vector = _read(_parameters(), block)
        if share * _SCALE < 1:
            # It would be encoded as 0, and the library forms no product with that.
            continue
        try:
            part = vector * share
            total = part if total is None else total + part
        except _TROUBLE as error:
            raise _no_block(error) from error
    return bytes(total.serialize())


def decrypt(block: bytes, key: Key) -> NDArray[np.float64]:
    """Return the numbers of an encrypted block, off by some 1e-10; with another key, anything.

    Raises:
        InputError: The extra `blind` is not installed.
        ModelError: It is no block, or the key is none.
    """
    vector = _read(_opened(key), block)
    try:
        return np.array(vector.decrypt(), np.float64)
    except _TROUBLE as error:
        raise _no_block(error) from error


def _read(context: Any, block: bytes) -> Any:  # noqa: ANN401 -- the library has no types
    try:
        vector = _tenseal().ckks_vector_from(context, block)
        size = vector.size()
    except _TROUBLE as error:
        raise _no_block(error) from error
    if size != NUM_SLOTS:
        raise ModelError(f"encrypted block: found {size} numbers, expected {NUM_SLOTS}")
    return vector


def _no_block(error: Exception) -> ModelError:
    return ModelError(
        f"encrypted block: found none that can be used ({type(error).__name__}), expected one of "
        f"degree {_DEGREE}; use the same version of this program at all sites"
    )


def _tenseal() -> Any:  # noqa: ANN401 -- the library has no types
    try:
        import tenseal  # noqa: PLC0415 -- who sums in the open needs none of it
    except ImportError as error:
        advice = "pip install '.[blind]'"
        fault = Fault("package tenseal", "it missing", "it, as the server sees sums only", advice)
        raise InputError([fault]) from error
    return tenseal


@cache
def _parameters() -> Any:  # noqa: ANN401
    context = _context(symmetric=False)
    # A key was drawn with the parameters; nothing is ever encrypted under it.
    context.make_context_public()
    return context


def _context(*, symmetric: bool) -> Any:  # noqa: ANN401
    tenseal = _tenseal()
    kinds = tenseal.ENCRYPTION_TYPE
    context = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS,
        _DEGREE,
        coeff_mod_bit_sizes=list(_MODULUS_BITS),
        encryption_type=kinds.SYMMETRIC if symmetric else kinds.ASYMMETRIC,
    )
    context.global_scale = _SCALE
    context.auto_rescale = context.auto_mod_switch = context.auto_relin = False
    return context


@cache
def _opened(key: Key) -> Any:  # noqa: ANN401
    try:
        context = _tenseal().context_from(key.content)
        is_key = context.has_secret_key()
    except _TROUBLE as error:
        raise _no_key() from error
    if not is_key:
        raise _no_key()
    return context


def _no_key() -> ModelError:
    return ModelError(
        "blind key: found bytes that are none, expected the file that one site made for all; "
        "copy it again"
    )
