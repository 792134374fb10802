"""A run on one machine that signs for everybody, as each would between hospitals.

    RUN/identities/<operator or site>.json     made when the run begins, with an empty passphrase
    RUN/heads/<site>.jsonl                    what each site would keep
    RUN/ledger.sqlite                         the embedded chain, where the ledger is that

Whoever holds the folder holds every key: this shows how a proof is made and checked, and proves
nothing against whoever ran it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedmedlora.audit import typed_data
from fedmedlora.audit.chains.opening import open_chain
from fedmedlora.audit.enrolment import Enrolment, enrol
from fedmedlora.audit.heads import HeadFile
from fedmedlora.audit.identity import Identity, new_identity, open_identity, write_identity
from fedmedlora.audit.ledger import Ledger, RefusedError
from fedmedlora.audit.manifests import Settings
from fedmedlora.audit.notary import LedgerNotary
from fedmedlora.audit.signing import Signatory
from fedmedlora.errors import Fault, InputError, LedgerError
from fedmedlora.evaluation.cohorts import SiteFacts
from fedmedlora.experiment.run_ledger import enrolments, ledger_on, remember, settings_of, told_of
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
    operator = _identity(store.folder, _OPERATOR)
    with open_chain(experiment.audit.ledger, store.folder, operator.chain_key) as chain:
        ledger, nonce = ledger_on(chain, operator, store)
        sites, enrolled = {}, {}
        for site in facts.values():
            if site.role not in ("train", "new_site"):
                continue
            identity, name = _identity(store.folder, site.name), site.name
            settings = settings_of(identity, site, experiment)
            enrolled[name] = _enrolled(name, identity, settings, engine, ledger, store)
            heads = HeadFile(store.folder / "heads" / f"{name}.jsonl")
            sites[name] = Signatory(identity, ledger.domain, operator.did, settings, heads)
        yield LedgerNotary(operator, ledger, _Sites(sites), nonce=nonce, enrolled=enrolled)


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


def _identity(folder: Path, name: str) -> Identity:
    path = _place(folder, name)
    if not path.exists():
        write_identity(path, new_identity(), _PASSPHRASE, cost=_COST)
    return open_identity(path, _PASSPHRASE)


def _place(folder: Path, name: str) -> Path:
    return folder / "identities" / f"{name}.json"


def _enrolled(
    name: str,
    identity: Identity,
    settings: Settings,
    engine: Engine,
    ledger: Ledger,
    store: RunStore,
) -> Enrolment:
    known = enrolments(store).get(name, [])
    most_tokens = known[-1]["most_tokens"] if known else engine.label_tokens(name)
    enrolment = enrol(identity, ledger.domain, most_tokens=most_tokens, notes=settings.notes)
    if ledger.site(identity.address) is None:
        ledger.register(identity.address, identity.public_key, enrolment.sha256, enrolment.consent)
    remember(name, enrolment, store)
    return enrolment


def revoke_site(folder: Path, name: str) -> int:
    """Return the number of the block with which a site's keys have become good for nothing.

    Raises:
        InputError: There is no such run, or no such site in it.
        LedgerError: The ledger cannot be written or reached.
    """
    with _opened(folder, name) as (_, ledger, _):
        try:
            ledger.revoke(_identity(folder, name).address)
        except RefusedError as error:
            raise LedgerError(f"{name}: found {error}, expected a site that is in") from error
        return ledger.chain.head().number


def rotate_site(folder: Path, name: str) -> str:
    """Return the name of the keys that are now a site's; the old ones have consented.

    Raises:
        InputError: There is no such run, or no such site in it.
        LedgerError: The ledger cannot be written or reached.
    """
    with _opened(folder, name) as (store, ledger, known):
        old, new = _identity(folder, name), new_identity()
        said = known["notes"], known["most_tokens"]
        enrolment = enrol(new, ledger.domain, notes=said[0], most_tokens=said[1])
        consent = typed_data.sign(typed_data.rotate(new.address), ledger.domain, old.chain_key)
        path = _place(folder, name)
        # Written first: keys that are on the ledger and nowhere else would lock the site out.
        write_identity(path.with_suffix(".next"), new, _PASSPHRASE, cost=_COST)
        try:
            ledger.rotate(
                old.address,
                (new.address, new.public_key, enrolment.sha256),
                consent=consent,
                signature=enrolment.consent,
            )
        except RefusedError as error:
            path.with_suffix(".next").unlink()
            raise LedgerError(f"{name}: found {error}, expected a site that is in") from error
        path.rename(path.with_suffix(f".{old.did[-8:]}"))
        path.with_suffix(".next").rename(path)
        remember(name, enrolment, store)
        _seal(store, ledger)
        return new.did


def seal_again(store: RunStore) -> None:
    """Seal what was written to a run since it was sealed last; nothing where nothing is signed.

    Raises:
        LedgerError: The ledger cannot be written or reached.
    """
    if told_of(store) is not None:
        with _ledger(store) as ledger:
            _seal(store, ledger)


def _seal(store: RunStore, ledger: Ledger) -> None:
    operator = _identity(store.folder, _OPERATOR)
    _, nonce = ledger_on(ledger.chain, operator, store)
    seal_run(store, LedgerNotary(operator, ledger, _Sites({}), nonce=nonce, enrolled={}))


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[tuple[RunStore, Ledger, dict[str, Any]]]:
    with RunStore.open(folder, writable=True) as store:
        enrolled = enrolments(store)
        if name not in enrolled:
            known = ", ".join(enrolled) or "nobody: nothing is signed in this run"
            raise InputError([Fault(str(folder), f"no site {name!r} enrolled", known)])
        with _ledger(store) as ledger:
            yield store, ledger, enrolled[name][-1]


@contextmanager
def _ledger(store: RunStore) -> Iterator[Ledger]:
    operator = _identity(store.folder, _OPERATOR)
    with open_chain(store.experiment().audit.ledger, store.folder, operator.chain_key) as chain:
        ledger, _ = ledger_on(chain, operator, store)
        yield ledger
