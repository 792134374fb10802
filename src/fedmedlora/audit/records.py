"""What the operator signs for a round: everything that went into it and what came out.

Of the round's own document, which the run keeps, the record holds the digest, and of everything the
run had written until then the head of its journal.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from fedmedlora.audit.documents import Document, canonical, digest, signed
from fedmedlora.federation.notary import Closed

RECORD = "urn:fed-medlora:round:1"


def round_record(closed: Closed, key: bytes) -> str:
    """Return the record of a round, signed with the operator's Ed25519 private key.

    The same round gives the same text, so that it can be made again after a kill.
    """
    document = closed.document
    manifests = document.get("manifests") or {}
    predicate = {
        "run": closed.run,
        "arm": closed.arm,
        "round": closed.round_index,
        "updates": {site: digest(one["manifest"]).hex() for site, one in manifests.items()},
        "document": document_digest(document),
        "journal": closed.journal,
    }
    adapter = str(document.get("adapter") or "")
    return signed(Document(RECORD, {"adapter": adapter}, predicate), key)


def document_digest(document: Mapping[str, Any]) -> str:
    """Return the sha256 of a document of the run, in hex."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()
