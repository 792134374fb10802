"""The operator's part: it takes what sites have signed, and signs and seals every round."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, Protocol

from fedmedlora.audit import typed_data
from fedmedlora.audit.documents import DocumentError, digest, verified
from fedmedlora.audit.enrolment import Enrolment
from fedmedlora.audit.heads import Head, signed_head, verified_head
from fedmedlora.audit.identity import Identity
from fedmedlora.audit.ledger import Ledger, RefusedError
from fedmedlora.audit.manifests import UPDATE, require_of
from fedmedlora.audit.records import round_record
from fedmedlora.errors import AdmissionError, LedgerError
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.notary import Claim, Closed
from fedmedlora.federation.site_round import Sent

logger = logging.getLogger(__name__)


class Sites(Protocol):
    """The sites' own part, wherever they are."""

    def attested(self, site: str, sent: Sent, plan: LocalPlan) -> Sent:
        """Return what a site sent, signed where this machine signs for it."""
        ...

    def witness(self, heads: Sequence[str]) -> Mapping[str, str]:
        """Return the last of some heads with each site's signature, of those that took them."""
        ...


class LedgerNotary:
    """An operator with a ledger, for one run."""

    def __init__(
        self,
        identity: Identity,
        ledger: Ledger,
        sites: Sites,
        *,
        nonce: str,
        enrolled: Mapping[str, Enrolment],
    ) -> None:
        """Make a notary of a run, new or begun.

        Args:
            nonce: Of the run, 32 bytes in hex.
            enrolled: What each site came in with, by its name in the experiment.
        """
        self._identity, self._ledger, self._sites = identity, ledger, sites
        self._nonce, self._enrolled = nonce, enrolled
        self._lock = Lock()

    def run_of(self, arm: str) -> str:
        """Return by what manifests name an arm of this run: sha256 of the run's nonce and it."""
        return run_name(self._nonce, arm)

    def attested(self, site: str, sent: Sent, plan: LocalPlan) -> Sent:
        """Return what a site sent, signed where this machine signs for it."""
        return self._sites.attested(site, sent, plan) if plan.run else sent

    def admit(self, claim: Claim) -> None:
        """Let an update pass that its site has signed, and record its digest."""
        if not claim.run:
            return
        try:
            self._admit(claim)
        except (DocumentError, RefusedError) as error:
            raise AdmissionError(
                f"update of {claim.site}: {error}; see that the site signs with the keys it is "
                "enrolled with and sends each update once",
                code=error.code,
            ) from error

    def seal(self, closed: Closed, *, before: str) -> dict[str, Any]:
        """Return the signed record of a round that is sealed, and the head that sites are shown."""
        record = round_record(closed, self._identity.document_key)
        run = bytes.fromhex(closed.run)
        with self._lock:
            try:
                self._ledger.seal(run, closed.round_index, digest(record))
            except RefusedError as error:
                raise LedgerError(
                    f"ledger: found that round {closed.round_index} of {closed.arm} cannot be "
                    f"sealed ({error}), expected it to be the next; see `audit verify`"
                ) from error
            return {"record": record, "head": self._head(closed, digest(record).hex(), before)}

    def witnessed(self, heads: Sequence[str]) -> dict[str, str]:
        """Return the last of all heads with each site's signature, of those that took them."""
        try:
            return dict(self._sites.witness(heads))
        except DocumentError as error:
            raise LedgerError(
                f"ledger: {error}; a site was shown another history, see `audit verify`"
            ) from error

    def _admit(self, claim: Claim) -> None:
        enrolment = self._enrolled.get(claim.site)
        if enrolment is None:
            raise DocumentError("unknown_site", "found nobody enrolled by that name, expected one")
        if not claim.manifest:
            raise DocumentError("unsigned", "found nothing signed, expected a manifest")
        require_of(claim, verified(claim.manifest, enrolment.did, kind=UPDATE), enrolment.did)
        run, start, consent = (_bytes(part) for part in (claim.run, claim.start, claim.consent))
        recorded = digest(claim.manifest)
        said = typed_data.commit(run, claim.round_index, start, recorded)
        if typed_data.signer(said, self._ledger.domain, consent) != enrolment.address:
            found = "found no consent of the site's chain key, expected one to this very update"
            raise DocumentError("wrong_signature", found)
        with self._lock:
            self._ledger.commit(
                run,
                claim.round_index,
                start,
                address=enrolment.address,
                digest=recorded,
                consent=consent,
            )

    def _head(self, closed: Closed, record: str, before: str) -> str:
        ledger, operator = self._ledger, self._identity
        block = ledger.sealed_with(bytes.fromhex(closed.run), closed.round_index)
        head = Head(
            run=closed.run,
            round_index=closed.round_index,
            record=record,
            chain_id=ledger.chain.chain_id,
            contract=ledger.contract.hex(),
            block=block.number,
            hash=block.hash.hex(),
            before=verified_head(before, operator.did).hash if before else "",
        )
        return signed_head(head, operator.document_key)


def _bytes(told: str) -> bytes:
    try:
        return bytes.fromhex(told)
    except ValueError as error:
        found = "found something else than digits 0-9 and a-f, expected a digest or a signature"
        raise DocumentError("unreadable_manifest", found) from error


def run_name(nonce: str, arm: str) -> str:
    """Return by what manifests name an arm of a run, 32 bytes in hex."""
    return hashlib.sha256(bytes.fromhex(nonce) + arm.encode()).hexdigest()
