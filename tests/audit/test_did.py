"""Names of Ed25519 keys, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.audit.did import did_of, key_of
from fedmedlora.errors import IdentityError

# The example of the did:key Method v0.9; its JWK: x = Lm_M42cB3HkUiODQsXRcweM6TByfzEHGO9ND274JcOY.
DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
KEY = bytes.fromhex("2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6")
# Of the same method, an X25519 and a secp256k1 key: other codecs.
X25519 = "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc"
SECP256K1 = "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"


def test_the_example_of_the_method_is_named_and_read() -> None:
    assert did_of(KEY) == DID
    assert key_of(DID) == KEY


@given(key=st.binary(min_size=32, max_size=32))
def test_every_key_comes_back_from_its_name(key: bytes) -> None:
    assert key_of(did_of(key)) == key


@pytest.mark.parametrize(
    "did",
    [
        pytest.param("", id="nothing"),
        pytest.param(DID.replace("key", "web"), id="another method"),
        pytest.param(DID.replace("did:key:z", "did:key:u"), id="another base"),
        pytest.param(DID.removeprefix("did:key:z"), id="no prefix"),
        pytest.param(X25519, id="a key to agree with"),
        pytest.param(SECP256K1, id="a key of a chain"),
        # I, O, l and 0 are no digits.
        pytest.param(DID[:-1] + "l", id="a letter that is no digit"),
        pytest.param(DID[:-1] + "-", id="a sign that is no digit"),
        pytest.param(DID.replace("z6Mk", "z6Ml"), id="a changed letter of the codec"),
        pytest.param(DID.replace("did:key:z", "did:key:z1"), id="a leading zero"),
        pytest.param(DID[:-1], id="a digit too few"),
        pytest.param(DID + "1", id="a digit too many"),
        pytest.param(DID + " ", id="a blank behind it"),
        pytest.param(DID + "1" * 500, id="far too long"),
    ],
)
def test_what_names_no_ed25519_key_is_refused(did: str) -> None:
    with pytest.raises(IdentityError, match=r"expected one as did:key:z6Mk"):
        key_of(did)


@pytest.mark.parametrize("num_bytes", [0, 31, 33, 64])
def test_a_key_of_another_length_is_not_read(num_bytes: int) -> None:
    number, digits = int.from_bytes(b"\xed\x01" + bytes(num_bytes)), ""
    while number:
        digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[number % 58] + digits
        number //= 58

    with pytest.raises(IdentityError, match=r"expected one as did:key:z6Mk"):
        key_of(f"did:key:z{digits}")


def test_another_letter_names_another_key() -> None:
    assert key_of(DID[:-1] + "J") != KEY


@pytest.mark.parametrize("num_bytes", [0, 31, 33])
def test_a_key_of_another_length_has_no_name(num_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"found {num_bytes} bytes, expected 32"):
        did_of(bytes(num_bytes))
