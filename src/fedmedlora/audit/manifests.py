"""What a site signs for an update: what it trained, from what, on how much, under which settings.

Of the notes it says a salted digest alone: the salt follows from the site's own key, so that nobody
else can tell whether a folder of notes is the one, and the site can show it.

    commitment  =  sha256(HMAC-SHA256(document key, "notes") ++ sha256 of the notes in hex)
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import Any

from fedmedlora.audit.documents import Document, DocumentError, canonical
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.notary import Claim
from fedmedlora.federation.site_round import Sent
from fedmedlora.reason_codes import ReasonCode

UPDATE = "urn:fed-medlora:update:1"
_ADAPTER = "update.safetensors"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a site says of itself in every manifest.

    Attributes:
        lora: Rank, alpha and target modules of the run.
        notes: The salted digest of its notes.
        software: sha256 of the list of everything that is installed there.
    """

    lora: Mapping[str, Any]
    notes: str
    software: str


def update_manifest(did: str, sent: Sent, plan: LocalPlan, settings: Settings) -> Document:
    """Return what a site signs for an update."""
    predicate = {
        "site": did,
        "run": plan.run,
        "round": plan.round_index,
        "method": plan.method.name,
        "codec": plan.codec,
        "base_model": sent.base,
        "start": sent.start,
        "bytes": len(sent.payload),
        "num_tokens": sent.num_tokens,
        "rank": plan.rank,
        "lora": dict(settings.lora),
        "privacy": None if sent.privacy is None else dict(sent.privacy),
        "notes": settings.notes,
        "software": settings.software,
    }
    sha256 = sent.stays or hashlib.sha256(sent.payload).hexdigest()
    return Document(UPDATE, {_ADAPTER: sha256}, predicate)


def require_of(claim: Claim, document: Document, did: str) -> None:
    """Check that a verified manifest is of what came in.

    Raises:
        DocumentError: It is of something else; the code says of what.
    """
    said = document.predicate
    bindings: tuple[tuple[ReasonCode, str, object, object], ...] = (
        ("wrong_run", "run", said.get("run"), claim.run),
        ("wrong_round", "round", said.get("round"), claim.round_index),
        ("wrong_base", "base model", said.get("base_model"), claim.base),
        ("wrong_start", "starting adapter", said.get("start"), claim.start),
        ("altered_update", "sha256 of the update", document.subject.get(_ADAPTER), claim.delta),
        ("altered_update", "bytes", said.get("bytes"), claim.num_bytes),
        ("altered_report", "label tokens", said.get("num_tokens"), claim.num_tokens),
        ("wrong_signer", "site", said.get("site"), did),
    )
    for code, where, signed, came in bindings:
        if signed != came:
            raise DocumentError(code, f"{where}: found {came}, expected {signed}, as signed")


def notes_commitment(document_key: bytes, sha256: str) -> str:
    """Return the salted digest of a site's notes.

    Args:
        document_key: The site's Ed25519 private key.
        sha256: Of its notes, as its facts have it.
    """
    salt = hmac.digest(document_key, b"notes", "sha256")
    return hashlib.sha256(salt + sha256.encode()).hexdigest()


def software_digest() -> str:
    """Return the sha256 of the names and versions of everything installed in this environment."""
    installed = {(one.name or "", one.version) for one in distributions()}
    return hashlib.sha256(canonical(sorted(installed)).encode()).hexdigest()
