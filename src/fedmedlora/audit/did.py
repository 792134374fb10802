"""The name of whoever signs: its Ed25519 public key as a `did:key`.

    did:key:z + base58btc(0xed 0x01 + public key)

Source: The did:key Method v0.9 (W3C Credentials Community Group), section 3.1.1; base58btc is the
alphabet of Bitcoin, without 0, O, I and l.
"""

from fedmedlora.errors import IdentityError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX = "did:key:z"
_ED25519 = b"\xed\x01"
_KEY_BYTES = 32


def did_of(public_key: bytes) -> str:
    """Return the name of an Ed25519 public key of 32 bytes.

    Raises:
        ValueError: It has another length.
    """
    if len(public_key) != _KEY_BYTES:
        raise ValueError(f"public key: found {len(public_key)} bytes, expected {_KEY_BYTES}")
    # The first byte of the code is not 0, so no leading zero has to be kept.
    number, digits = int.from_bytes(_ED25519 + public_key), ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return _PREFIX + digits


def key_of(did: str) -> bytes:
    """Return the Ed25519 public key that a name says.

    Raises:
        IdentityError: It is no such name, or that of another kind of key.
    """
    digits = did.removeprefix(_PREFIX)
    number = 0
    for digit in digits if did.startswith(_PREFIX) else "":
        number = number * len(_ALPHABET) + _ALPHABET.find(digit)
    decoded = number.to_bytes((number.bit_length() + 7) // 8)
    key = decoded.removeprefix(_ED25519)
    if len(key) != _KEY_BYTES or not decoded.startswith(_ED25519) or did_of(key) != did:
        raise IdentityError(
            f"name {did!r}: found no did:key of an Ed25519 key, expected one as {_PREFIX}6Mk...; "
            "copy it again from the site's identity"
        )
    return key
