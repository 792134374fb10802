"""A run on one machine that signs for everybody, as each would between hospitals.

    RUN/identities/<operator or site>.json    made when the run begins, with an empty passphrase
    RUN/heads/<site>.jsonl                    what each site would keep
    RUN/ledger.sqlite                         the embedded chain, where the ledger is that

Whoever holds the folder holds every key: this shows how a proof is made and checked, and proves
nothing against whoever ran it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fedmedlora.audit.chains.opening import open_chain
from fedmedlora.audit.documents import DocumentError
from fedmedlora.audit.enrolment import Enrolment, enrol, handed_over, let_in
from fedmedlora.audit.heads import HeadFile
from fedmedlora.audit.identity import Identity, new_identity, open_identities, write_identity
from fedmedlora.audit.ledger import Ledger, RefusedError
from fedmedlora.audit.notary import LedgerNotary
from fedmedlora.audit.signing import Signatory
from fedmedlora.errors import IdentityError
from fedmedlora.evaluation.cohorts import SiteFacts
from fedmedlora.experiment.run_ledger import (
    last_enrolments,
    ledger_on,
    operator_of,
    remember,
    settings_of,
    told_of,
)
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.sealing import seal_run
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine
from fedmedlora.federation.site_round import Sent

_OPERATOR = "operator"
_PASSPHRASE = b""
# Nobody has to guess at an empty one.
_COST = 2


@contextmanager
def rehearsal(
    experiment: Experiment, engine: Engine, store: RunStore, facts: Mapping[str, SiteFacts]
) -> Iterator[LedgerNotary]:
    """Give the notary of a run whose sites are all here, and close its ledger.

    Raises:
        LedgerError: The ledger cannot be written or reached, or is another run's.
        IdentityError: A key was changed or is gone.
    """
    operator = operator_of(store, _identities(store.folder, _OPERATOR))
    with open_chain(experiment.audit.ledger, store.folder, operator.chain_key) as chain:
        ledger, nonce = ledger_on(chain, operator, store)
        before, sites, enrolled = last_enrolments(store, ledger.domain), {}, {}
        for site in facts.values():
            if site.role not in ("train", "new_site"):
                continue
            name, identities = site.name, _identities(store.folder, site.name)
            settings = settings_of(identities[0], site, experiment)
            known, where = before.get(name), _place(store.folder, name)
            tokens = known.most_tokens if known else engine.label_tokens(name)
            one = enrol(identities[0], ledger.domain, most_tokens=tokens, notes=settings.notes)
            _let_in(one, identities, ledger, before=known, where=where)
            remember(name, one, store)
            enrolled[name] = one
            heads = HeadFile(store.folder / "heads" / f"{name}.jsonl")
            sites[name] = Signatory(identities[0], ledger.domain, operator.did, settings, heads)
        yield LedgerNotary(operator, ledger, _Sites(sites), nonce=nonce, enrolled=enrolled)


def seal_again(store: RunStore) -> None:
    """Seal what was written to a run since it was sealed last; nothing where nothing is signed.

    Raises:
        IdentityError: The operator's keys were changed.
        LedgerError: The ledger cannot be written or reached.
    """
    if told_of(store) is None:
        return
    operator = operator_of(store, _identities(store.folder, _OPERATOR))
    with open_chain(store.experiment().audit.ledger, store.folder, operator.chain_key) as chain:
        ledger, nonce = ledger_on(chain, operator, store)
        seal_run(store, LedgerNotary(operator, ledger, _Sites({}), nonce=nonce, enrolled={}))


@dataclass(frozen=True, slots=True)
class _Sites:
    """The sites of this machine."""

    signatories: Mapping[str, Signatory]

    def attested(self, site: str, sent: Sent, plan: LocalPlan) -> Sent:
        """Return what a site sent, with its signatures."""
        return self.signatories[site].attested(sent, plan)

    def witness(self, heads: Sequence[str]) -> dict[str, str]:
        """Return the last of some heads with each site's signature."""
        return {name: site.witness(heads) for name, site in self.signatories.items()}


def _identities(folder: Path, name: str) -> list[Identity]:
    path = _place(folder, name)
    if not path.exists():
        write_identity(path, new_identity(), _PASSPHRASE, cost=_COST)
    return open_identities(path, _PASSPHRASE)


def _place(folder: Path, name: str) -> Path:
    return folder / "identities" / f"{name}.json"


def _let_in(
    one: Enrolment,
    identities: Sequence[Identity],
    ledger: Ledger,
    *,
    before: Enrolment | None,
    where: Path,
) -> None:
    consents = handed_over(identities[1:], identities[0], ledger.domain)
    try:
        let_in(one, ledger, before=before, consents=consents)
    except (DocumentError, RefusedError) as error:
        raise IdentityError(f"{where}: {error}; put the file back from your copy") from error
