"""Signed documents: an in-toto Statement v1 in a DSSE envelope, by an Ed25519 key.

    signature over  "DSSEv1" SP len(type) SP type SP len(payload) SP payload

What is signed is the bytes as they were sent, so nothing has to be written again to be checked.

Source: in-toto Attestation Framework, Statement v1; Dead Simple Signing Envelope 1.0, protocol.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import FormatError, VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from fedmedlora.audit.did import did_of, key_of
from fedmedlora.reason_codes import ReasonCode

_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_MOST_CHARACTERS = 2**18
"""Many times what any of ours has; a site could send anything."""
_MALFORMED = (FormatError, LookupError, TypeError, ValueError, AttributeError, RecursionError)

Predicate = dict[str, Any]


class DocumentError(Exception):
    """A document is not signed as it must be.

    Attributes:
        code: What is wrong.
    """

    def __init__(self, code: ReasonCode, message: str) -> None:
        super().__init__(message)
        self.code: ReasonCode = code


@dataclass(frozen=True, slots=True)
class Document:
    """What a verified document says.

    Attributes:
        kind: Its predicate type.
        subject: Name to sha256 of what it is about.
        predicate: What it says of that.
    """

    kind: str
    subject: Mapping[str, str]
    predicate: Predicate


def signed(document: Document, key: bytes) -> str:
    """Return a document as JSON of its envelope, signed with an Ed25519 private key of 32 bytes."""
    subject = [
        {"name": name, "digest": {"sha256": sha256}} for name, sha256 in document.subject.items()
    ]
    statement = {
        "_type": _STATEMENT,
        "subject": subject,
        "predicateType": document.kind,
        "predicate": document.predicate,
    }
    envelope = Envelope(canonical(statement).encode(), _PAYLOAD_TYPE, {})
    private = Ed25519PrivateKey.from_private_bytes(key)
    public = private.public_key().public_bytes_raw()
    envelope.sign(CryptoSigner(private, _public(public)))
    return canonical(envelope.to_dict())


def verified(text: str, did: str, *, kind: str) -> Document:
    """Return what a document says, once its signature is that of a name.

    Args:
        kind: Of which predicate type it must be.

    Raises:
        DocumentError: It is none, of another type, or somebody else signed it, or it was changed.
    """
    if len(text) > _MOST_CHARACTERS:
        found = f"found {len(text)} characters, expected {_MOST_CHARACTERS} at most"
        raise DocumentError("unreadable_manifest", found)
    try:
        envelope = Envelope.from_dict(json.loads(text))
    except _MALFORMED as error:
        found = f"found no envelope ({type(error).__name__}), expected a DSSE envelope as JSON"
        raise DocumentError("unreadable_manifest", found) from error
    if envelope.payload_type != _PAYLOAD_TYPE:
        found = f"found payload type {envelope.payload_type[:60]!r}, expected {_PAYLOAD_TYPE!r}"
        raise DocumentError("wrong_payload_type", found)
    if list(envelope.signatures) != [did]:
        names = ", ".join(envelope.signatures)[:120] or "nobody"
        raise DocumentError("wrong_signer", f"found signed by {names}, expected {did}")
    try:
        envelope.verify([_public(key_of(did))], 1)
    except (VerificationError, KeyError) as error:
        found = "found a signature of another document or key, expected one of this very document"
        raise DocumentError("wrong_signature", found) from error
    return _opened(envelope.payload, kind)


def signer_of(text: str) -> str:
    """Return who is named as having signed a document, "" where nobody is; not checked."""
    try:
        (signature,) = json.loads(text)["signatures"]
        return str(signature["keyid"])
    except _MALFORMED:
        return ""


def digest(document: str) -> bytes:
    """Return the sha256 of a signed document as it was sent, 32 bytes."""
    return hashlib.sha256(document.encode()).digest()


def canonical(value: object) -> str:
    """Return plain values as JSON, the same text for the same values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _opened(payload: bytes, kind: str) -> Document:
    try:
        statement = json.loads(payload)
        found = Document(
            statement["predicateType"],
            {str(one["name"]): str(one["digest"]["sha256"]) for one in statement["subject"]},
            dict(statement["predicate"]),
        )
        stated = statement["_type"]
    except _MALFORMED as error:
        message = f"found no statement ({type(error).__name__}), expected an in-toto Statement v1"
        raise DocumentError("unreadable_manifest", message) from error
    if (stated, found.kind) != (_STATEMENT, kind):
        raise DocumentError("wrong_manifest_type", f"found {found.kind!r}, expected {kind!r}")
    return found


def _public(key: bytes) -> SSlibKey:
    return SSlibKey(did_of(key), "ed25519", "ed25519", {"public": key.hex()})
