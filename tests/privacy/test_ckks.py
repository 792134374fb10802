import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmedlora.errors import InputError, ModelError
from fedmedlora.privacy.ckks import NUM_SLOTS, Key, decrypt, encrypt, new_key, weighted_block


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key()


def test_a_sum_under_encryption_is_the_sum(key: Key) -> None:
    ones, ramp = np.ones(NUM_SLOTS), np.linspace(-2, 2, NUM_SLOTS)

    total = weighted_block([encrypt(ones, key), encrypt(ramp, key)], [0.25, 0.75])

    assert decrypt(total, key) == pytest.approx(0.25 + 0.75 * ramp, abs=1e-8)


def test_a_block_is_never_encrypted_to_the_same_bytes(key: Key) -> None:
    assert encrypt(np.ones(NUM_SLOTS), key) != encrypt(np.ones(NUM_SLOTS), key)


def test_a_sum_is_the_same_bytes_each_time(key: Key) -> None:
    blocks = [encrypt(np.ones(NUM_SLOTS), key), encrypt(np.zeros(NUM_SLOTS), key)]

    assert weighted_block(blocks, [0.5, 0.5]) == weighted_block(blocks, [0.5, 0.5])


def test_another_key_opens_nothing(key: Key) -> None:
    found = decrypt(encrypt(np.ones(NUM_SLOTS), key), new_key())

    assert np.abs(found - 1).max() > 1000


def test_a_key_is_known_by_a_name_that_does_not_hold_it(key: Key) -> None:
    assert key.id != new_key().id
    assert repr(key) == f"Key({key.id})"


def test_what_is_no_key_is_told_so() -> None:
    with pytest.raises(ModelError, match="blind key: found bytes that are none"):
        encrypt(np.ones(NUM_SLOTS), Key(b"nothing"))


@pytest.mark.parametrize("block", [b"", b"junk", b"x" * 1000])
def test_what_is_no_block_is_told_so(key: Key, block: bytes) -> None:
    with pytest.raises(ModelError, match="encrypted block: found"):
        weighted_block([block], [1.0])
    with pytest.raises(ModelError, match="encrypted block: found"):
        decrypt(block, key)


@pytest.mark.parametrize("block", [np.ones(3), np.full(NUM_SLOTS, np.nan)])
def test_what_cannot_be_a_block_is_not_encrypted(key: Key, block: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        encrypt(block, key)


def test_a_missing_package_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenseal", None)

    with pytest.raises(InputError, match=r"package tenseal: found it missing.*'\.\[blind\]'"):
        new_key()
