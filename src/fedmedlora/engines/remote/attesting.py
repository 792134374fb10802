"""Signed rounds between sites that are elsewhere: what each end says of itself, and to the other.

open       the coordinator says on which ledger it is who, the site answers with its enrolment
train      the answer has the site's manifest and its consent
witness    the coordinator shows all heads, the site answers with the last under its signature
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedmedlora.audit.chains.opening import open_chain
from fedmedlora.audit.did import key_of
from fedmedlora.audit.documents import DocumentError
from fedmedlora.audit.enrolment import Enrolment, enrol, remembered, verified_enrolment
from fedmedlora.audit.heads import HeadFile
from fedmedlora.audit.identity import Identity
from fedmedlora.audit.ledger import Ledger, RefusedError
from fedmedlora.audit.notary import LedgerNotary
from fedmedlora.audit.signing import Signatory
from fedmedlora.audit.typed_data import Domain
from fedmedlora.engines.remote.members import asked
from fedmedlora.engines.remote.messages import Failure, Message, Transport
from fedmedlora.engines.remote.plain_values import Plain
from fedmedlora.errors import EngineError
from fedmedlora.evaluation.cohorts import SiteFacts
from fedmedlora.experiment.run_ledger import enrolments, ledger_on, remember, settings_of
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.notary import Notary
from fedmedlora.federation.site_round import Sent

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class SigningHere:
    """A site with keys.

    Attributes:
        folder: Where it keeps what it is shown, a file for each ledger.
        signatory: For the ledger of the run that it takes part in.
    """

    site: str
    identity: Identity
    folder: Path
    signatory: Signatory | None = None

    def enrolled(
        self, ledger: Plain, site: SiteFacts, experiment: Experiment, *, label_tokens: int
    ) -> Plain:
        """Return what the site hands in to come in; from then on it signs for that ledger.

        Raises:
            IdentityError: It was shown the heads of that ledger by somebody else.
        """
        operator, contract = str(ledger["operator"]), bytes.fromhex(ledger["contract"])
        heads = HeadFile(self.folder / f"{contract.hex()}.jsonl")
        heads.heads(operator)
        domain = Domain(int(ledger["chain_id"]), contract)
        settings = settings_of(self.identity, site, experiment)
        self.signatory = Signatory(self.identity, domain, operator, settings, heads)
        most_tokens = max(1, label_tokens)
        one = enrol(self.identity, domain, most_tokens=most_tokens, notes=settings.notes)
        return remembered(one)

    def attested(self, sent: Sent, plan: LocalPlan) -> Sent:
        """Return what the site sends with its signatures."""
        return self._now().attested(sent, plan)

    def witness(self, heads: Sequence[str]) -> str:
        """Return the last of all heads under the site's signature; all are kept."""
        try:
            return self._now().witness(heads)
        except DocumentError as error:
            raise EngineError(
                f"site {self.site}: {error}; keep what this site was shown, and ask for the ledger"
            ) from error

    def _now(self) -> Signatory:
        if self.signatory is None:
            raise EngineError(
                f"site {self.site}: found a signed run before this site has come in, expected that "
                "first; use the same version of this program at the coordinator and here"
            )
        return self.signatory


@contextmanager
def auditing(
    experiment: Experiment, store: RunStore, operator: Identity
) -> Iterator["AuditingHere"]:
    """Give the ledger of a run, new or begun, to whoever coordinates it, and close it.

    Raises:
        LedgerError: It cannot be written or reached, or is another operator's.
    """
    with open_chain(experiment.audit.ledger, store.folder, operator.chain_key) as chain:
        yield AuditingHere(operator, *ledger_on(chain, operator, store), store)


@dataclass(frozen=True, slots=True)
class AuditingHere:
    """A coordinator that has a ledger."""

    operator: Identity
    ledger: Ledger
    nonce: str
    store: RunStore

    @property
    def told(self) -> Plain:
        """Return what sites are told of the ledger."""
        domain = self.ledger.domain
        return {
            "operator": self.operator.did,
            "chain_id": domain.chain_id,
            "contract": domain.contract.hex(),
        }

    def notary(
        self, transport: Transport, opened: Mapping[str, Plain], *, wait_s: float
    ) -> tuple[Notary, dict[str, Failure]]:
        """Return who checks what sites sign, and why some sites cannot come in."""
        here, failures = {}, {}
        for site, body in opened.items():
            try:
                here[site] = self._let_in(site, body["enrolment"])
            except (DocumentError, RefusedError, LookupError, TypeError, ValueError) as error:
                reason = f"site {site}: enrolment: {error}; see local/identity.json in its kit"
                failures[site] = Failure(reason)
                logger.warning("%s", reason)
        of = self.operator, self.ledger, Elsewhere(transport, sorted(here), wait_s)
        # What a site has signed and handed in counts, whether or not it is here now.
        enrolled = {**self._known(), **here}
        return LedgerNotary(*of, nonce=self.nonce, enrolled=enrolled), failures

    def _known(self) -> dict[str, Enrolment]:
        """Return what each site came in with last, in this session or another."""
        last = {site: history[-1] for site, history in enrolments(self.store).items()}
        return {site: self._verified(said) for site, said in last.items()}

    def _verified(self, said: Plain) -> Enrolment:
        consent = bytes.fromhex(said["consent"])
        return verified_enrolment(
            str(said["did"]), str(said["document"]), consent, self.ledger.domain
        )

    def _let_in(self, site: str, said: Any) -> Enrolment:  # noqa: ANN401 -- whatever a site says
        """Return what a site comes in with, once it stands on the ledger and in the run."""
        ledger, history = self.ledger, enrolments(self.store).get(site, [])
        one = self._verified(said)
        known = ledger.site(one.address)
        if known is None:
            _require_same(history, one.did)
            ledger.register(one.address, key_of(one.did), one.sha256, one.consent)
        elif known.until is not None:
            raise DocumentError("revoked_site", "found keys that were revoked, expected others")
        remember(site, one, self.store)
        return one


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Sites that sign for themselves.

    Attributes:
        here: Those that are asked.
    """

    transport: Transport
    here: Sequence[str]
    wait_s: float

    def attested(self, site: str, sent: Sent, plan: LocalPlan) -> Sent:
        """Return what a site sent: it has signed that itself, or it has not."""
        del site, plan
        return sent

    def witness(self, heads: Sequence[str]) -> dict[str, str]:
        """Return the last of some heads with each site's signature, of those that took them."""
        question = Message("witness", {"heads": list(heads)})
        questions = dict.fromkeys(self.here, question)
        told, _ = asked(self.transport, questions, _head, wait_s=self.wait_s)
        return told


def _head(reply: Message) -> str:
    return str(reply.body["head"])


def _require_same(history: Sequence[Plain], did: str) -> None:
    if history:
        found = f"found {did}, expected {history[-1]['did']}, by which the run knows it"
        raise DocumentError("wrong_signer", found)
