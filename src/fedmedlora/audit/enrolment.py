"""How a site comes in: both of its keys speak for each other, and it says how much it will count.

The document key signs the enrolment, which names the chain key's address; the chain key signs the
document key and the digest of the enrolment. So neither was taken from somebody else. Keys that
were replaced consent to the new ones, so nobody else takes a name that a run knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fedmedlora.audit import typed_data
from fedmedlora.audit.did import did_of, key_of
from fedmedlora.audit.documents import Document, DocumentError, digest, signed, verified
from fedmedlora.audit.identity import Identity
from fedmedlora.audit.ledger import Ledger
from fedmedlora.audit.typed_data import Domain

ENROLMENT = "urn:fed-medlora:enrolment:1"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A site that wants to come in.

    Attributes:
        did: Its name.
        address: Of its chain key, 20 bytes.
        most_tokens: It will never claim to have trained on more label tokens in one pass.
        notes: The salted digest of its notes.
        document: The signed enrolment.
        consent: What its chain key signed.
    """

    did: str
    address: bytes
    most_tokens: int
    notes: str
    document: str
    consent: bytes

    @property
    def sha256(self) -> bytes:
        """Return the sha256 of the signed enrolment."""
        return digest(self.document)


def enrol(identity: Identity, domain: Domain, *, most_tokens: int, notes: str) -> Enrolment:
    """Return what a site hands in to come in.

    Args:
        notes: The salted digest of its notes.
    """
    predicate = {
        "site": identity.did,
        "address": identity.address.hex(),
        "chain_id": domain.chain_id,
        "contract": domain.contract.hex(),
        "most_tokens": most_tokens,
        "notes": notes,
    }
    document = signed(Document(ENROLMENT, {"notes": notes}, predicate), identity.document_key)
    said = typed_data.register(identity.public_key, digest(document))
    consent = typed_data.sign(said, domain, identity.chain_key)
    return Enrolment(identity.did, identity.address, most_tokens, notes, document, consent)


def remembered(one: Enrolment) -> dict[str, Any]:
    """Return an enrolment as plain values for JSON."""
    return {
        "did": one.did,
        "most_tokens": one.most_tokens,
        "notes": one.notes,
        "document": one.document,
        "consent": one.consent.hex(),
    }


def verified_enrolment(did: str, document: str, consent: bytes, domain: Domain) -> Enrolment:
    """Return an enrolment whose two keys have signed for each other, for this ledger.

    Raises:
        DocumentError: One has not, or it is for another ledger.
    """
    said = verified(document, did, kind=ENROLMENT).predicate
    try:
        address, most_tokens = bytes.fromhex(said["address"]), said["most_tokens"]
        notes = str(said["notes"])
        ledger = (said["chain_id"], said["contract"])
    except (KeyError, TypeError, ValueError) as error:
        found = f"found an enrolment that lacks a part ({type(error).__name__}), expected all"
        raise DocumentError("unreadable_manifest", found) from error
    if type(most_tokens) is not int or most_tokens <= 0 or said.get("site") != did:
        raise DocumentError("unreadable_manifest", "found an enrolment of nobody, expected a site")
    if ledger != (domain.chain_id, domain.contract.hex()):
        raise DocumentError("wrong_run", "found an enrolment for another ledger, expected this one")
    enrolment = Enrolment(did, address, most_tokens, notes, document, consent)
    bound = typed_data.register(key_of(did), enrolment.sha256)
    if typed_data.signer(bound, domain, consent) != address:
        found = "found that the chain key did not sign for the document key, expected that it did"
        raise DocumentError("wrong_signature", found)
    return enrolment


def handed_over(former: Sequence[Identity], identity: Identity, domain: Domain) -> list[bytes]:
    """Return what each of a site's former chain keys signs for its new one, on a ledger."""
    said = typed_data.rotate(identity.address)
    return [typed_data.sign(said, domain, one.chain_key) for one in former]


def let_in(
    one: Enrolment, ledger: Ledger, *, before: Enrolment | None, consents: Sequence[bytes]
) -> None:
    """See that a site's keys stand on a ledger: new there, or in the place of its own before.

    Keys by which the ledger knows the site are let be, also revoked ones: what those sign is
    refused by the ledger itself.

    Args:
        before: By what the run last knew the site, None for one that is new to it.
        consents: Of its former chain keys to this one, in any order.

    Raises:
        DocumentError: The keys are not the site's, were replaced or revoked, or it now says that it
            counts more.
        RefusedError: The ledger takes them from nobody.
    """
    known = ledger.site(one.address)
    if known is not None and known.document_key != key_of(one.did):
        found = f"found {one.did}, expected {did_of(known.document_key)}"
        raise DocumentError("wrong_signer", f"{found}, by which the ledger knows its chain key")
    if before is None:
        if known is None:
            ledger.register(one.address, key_of(one.did), one.sha256, one.consent)
        elif known.until is not None:
            raise _revoked()
        return
    if one.most_tokens > before.most_tokens:
        found = f"found {one.most_tokens} label tokens, expected {before.most_tokens} at most"
        raise DocumentError("too_many_tokens", f"{found}, as enrolled before")
    last = ledger.heir(before.address)
    if last == one.address:
        return
    said = typed_data.rotate(one.address)
    by_last = [each for each in consents if typed_data.signer(said, ledger.domain, each) == last]
    stands = ledger.site(last)
    if known is not None or not by_last or stands is None:
        name = did_of(stands.document_key) if stands else before.did
        found = f"found {one.did}, expected {name}, by which the ledger knows it"
        raise DocumentError("wrong_signer", f"{found}, or its consent to new keys")
    if stands.until is not None:
        raise _revoked()
    successor = one.address, key_of(one.did), one.sha256
    ledger.rotate(last, successor, consent=by_last[0], signature=one.consent)


def _revoked() -> DocumentError:
    return DocumentError("revoked_site", "found keys that were revoked, expected others")
