"""Who a site is: an Ed25519 key for documents, a secp256k1 key for the chain, one file for both.

The private keys stand in the file encrypted with a passphrase:

    key    =  scrypt(passphrase, salt; N, r = 8, p = 1)
    sealed =  AES-256-GCM(key, nonce; private keys; the public part of the file)

so that a file whose public part was changed does not open either. N is 2^15 and stands in the file.
Keys that were replaced lie beside it, each in a file of its own, for ledgers that know them alone:

    identity.json                       the keys in use
    identity.former/<address>.json      keys before them

Source: scrypt, RFC 7914; AES-GCM, NIST SP 800-38D.
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from fedmedlora.audit.did import did_of
from fedmedlora.audit.documents import canonical
from fedmedlora.audit.typed_data import address_of
from fedmedlora.durable_files import write_for_owner
from fedmedlora.errors import IdentityError

_KEY_BYTES, _SALT_BYTES, _NONCE_BYTES = 32, 16, 12
_BLOCK, _LANES = 8, 1
_MOST_COST = 2**17
COST = 2**15
"""A tenth of a second and 32 MB for each guess at a passphrase."""
_SCHEMA = 1


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Whoever can sign for a site.

    Attributes:
        document_key: Ed25519 private key, 32 bytes.
        chain_key: secp256k1 private key, 32 bytes.
    """

    document_key: bytes
    chain_key: bytes

    @property
    def public_key(self) -> bytes:
        """Return the Ed25519 public key, 32 bytes."""
        private = Ed25519PrivateKey.from_private_bytes(self.document_key)
        return private.public_key().public_bytes_raw()

    @property
    def did(self) -> str:
        """Return its name."""
        return did_of(self.public_key)

    @property
    def address(self) -> bytes:
        """Return its address on a chain, 20 bytes."""
        return address_of(self.chain_key)


def new_identity() -> Identity:
    """Return an identity that nobody has, from the operating system's randomness."""
    document = Ed25519PrivateKey.generate().private_bytes_raw()
    # All but one in 2^128 numbers of 32 bytes are keys; zero and the rest are drawn again.
    while not 0 < int.from_bytes(chain := secrets.token_bytes(_KEY_BYTES)) < _ORDER:
        continue
    return Identity(document, chain)


_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of the group of secp256k1 (SEC 2, section 2.4.1)."""


def write_identity(path: Path, identity: Identity, passphrase: bytes, *, cost: int = COST) -> None:
    """Write an identity into a new file that its owner alone may read.

    Args:
        cost: N, a power of two.

    Raises:
        IdentityError: There is a file already; keys that are lost cannot be made again.
        OSError: It cannot be written.
    """
    if path.exists():
        raise IdentityError(
            f"{path}: found an identity, expected none; rotate it, or name another file"
        )
    write_for_owner(path, _sealed(identity, passphrase, cost))


def rotate_identity(path: Path, passphrase: bytes) -> Identity:
    """Return new keys, which now stand in a file under the passphrase of those before.

    The old ones lie beside it from then on. A kill leaves the one or the other in the file, whole,
    and never new keys alone: no ledger knows those yet, and the old ones speak for them.

    Raises:
        IdentityError: There is no identity, the passphrase is another, or the file was changed.
        OSError: It cannot be written.
    """
    before, after = open_identity(path, passphrase), new_identity()
    write_for_owner(_former(path) / f"{before.address.hex()}.json", path.read_bytes())
    write_for_owner(path, _sealed(after, passphrase, int(_document(path)["cost"])))
    return after


def open_identities(path: Path, passphrase: bytes) -> list[Identity]:
    """Return the identity in a file, and behind it all that stood there before.

    Raises:
        IdentityError: There is none, the passphrase is another, or a file was changed.
    """
    inside = open_identity(path, passphrase)
    former = [open_identity(one, passphrase) for one in sorted(_former(path).glob("*.json"))]
    # A rotation that was killed has put aside what still stands in the file.
    return [inside, *(one for one in former if one.did != inside.did)]


def _former(path: Path) -> Path:
    return path.with_suffix(".former")


def _sealed(identity: Identity, passphrase: bytes, cost: int) -> bytes:
    """Return the content of a file that holds an identity."""
    public = {
        "schema": _SCHEMA,
        "did": identity.did,
        "address": f"0x{identity.address.hex()}",
        "cost": cost,
    }
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    secret = identity.document_key + identity.chain_key
    sealed = _cipher(passphrase, salt, cost).encrypt(nonce, secret, canonical(public).encode())
    document = {
        **public,
        "salt": salt.hex(),
        "nonce": nonce.hex(),
        "sealed": sealed.hex(),
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def open_identity(path: Path, passphrase: bytes) -> Identity:
    """Return the identity in a file.

    Raises:
        IdentityError: There is none, the passphrase is another, or the file was changed.
    """
    document = _document(path)
    public = {key: document.get(key) for key in ("schema", "did", "address", "cost")}
    try:
        salt, nonce, sealed = (bytes.fromhex(document[k]) for k in ("salt", "nonce", "sealed"))
        cipher = _cipher(passphrase, salt, min(int(document["cost"]), _MOST_COST))
        opened = cipher.decrypt(nonce, sealed, canonical(public).encode())
    except (InvalidTag, KeyError, TypeError, ValueError) as error:
        raise IdentityError(
            f"{path}: found that it does not open, expected the passphrase it was made with and an "
            "unchanged file; give that passphrase, or put the file back from your copy"
        ) from error
    return Identity(opened[:_KEY_BYTES], opened[_KEY_BYTES:])


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise IdentityError(
            f"{path}: found {error.strerror!r}, expected an identity; make one with `identity "
            "create`, or put it back from your copy"
        ) from error
    except ValueError as error:
        raise IdentityError(
            f"{path}: found no JSON, expected an identity; put it back from your copy"
        ) from error
    if not isinstance(document, dict):
        raise IdentityError(f"{path}: found no object, expected an identity; put your copy back")
    return document


def _cipher(passphrase: bytes, salt: bytes, cost: int) -> AESGCM:
    derived = Scrypt(salt=salt, length=_KEY_BYTES, n=cost, r=_BLOCK, p=_LANES)
    return AESGCM(derived.derive(passphrase))
