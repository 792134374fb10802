"""What a run remembers of its ledger: where it stands, who its operator is, who has come in."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fedmedlora.audit.chain import Chain
from fedmedlora.audit.chains.opening import open_chain
from fedmedlora.audit.documents import DocumentError
from fedmedlora.audit.enrolment import Enrolment, remembered, verified_enrolment
from fedmedlora.audit.heads import verified_head
from fedmedlora.audit.identity import Identity
from fedmedlora.audit.ledger import Ledger, RefusedError
from fedmedlora.audit.manifests import Settings, notes_commitment, software_digest
from fedmedlora.audit.typed_data import Domain
from fedmedlora.errors import Fault, IdentityError, InputError, LedgerError, StoreError
from fedmedlora.evaluation.cohorts import SiteFacts
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore

_KEY = "audit"

Document = dict[str, Any]


def told_of(store: RunStore) -> Document | None:
    """Return what a run remembers of its ledger, None where nothing is signed."""
    told: Document | None = store.meta(_KEY)
    return told


def last_head(store: RunStore) -> Document | None:
    """Return the last head of a run's ledger that its operator signed, None where there is none.

    Raises:
        StoreError: It is not the operator's.
    """
    told, heads = told_of(store), store.seals.heads()
    if told is None or not heads:
        return None
    try:
        return asdict(verified_head(heads[-1], told["operator"]))
    except DocumentError as error:
        raise StoreError(
            f"{store.folder}: last head: {error}; put the run back from your copy"
        ) from error


def operator_of(store: RunStore, identities: Sequence[Identity]) -> Identity:
    """Return who of some a run was begun by, the first for one that begins.

    Args:
        identities: As `open_identities` gives them.

    Raises:
        IdentityError: Somebody else began it.
    """
    told = told_of(store)
    if told is None:
        return identities[0]
    for one in identities:
        if one.did == told["operator"]:
            return one
    raise IdentityError(
        f"{store.folder}: found the identity {identities[0].did}, expected {told['operator']}, by "
        "which the run was begun; put that one back from your copy"
    )


def ledger_on(chain: Chain, operator: Identity, store: RunStore) -> tuple[Ledger, str]:
    """Return the ledger of a run, begun on a chain unless it is, and the run's nonce."""
    told = told_of(store)
    if told is None:
        ledger = Ledger.begin(chain, operator.public_key)
        told = {
            "nonce": secrets.token_hex(32),
            "operator": operator.did,
            "chain_id": chain.chain_id,
            "contract": ledger.contract.hex(),
            "enrolled": {},
        }
        store.put_meta(_KEY, told)
    return Ledger(chain, bytes.fromhex(told["contract"])), told["nonce"]


def enrolments(store: RunStore) -> Mapping[str, list[Document]]:
    """Return what each site came in with, by name, its last keys last."""
    told = told_of(store)
    return dict(told["enrolled"]) if told else {}


def last_enrolments(store: RunStore, domain: Domain) -> dict[str, Enrolment]:
    """Return by what a run last knew each site that has come in.

    Raises:
        StoreError: It is not what came in.
    """
    found = {}
    for site, history in enrolments(store).items():
        said = history[-1]
        of = said["did"], said["document"], bytes.fromhex(said["consent"])
        try:
            found[site] = verified_enrolment(*of, domain)
        except DocumentError as error:
            raise StoreError(
                f"{store.folder}: enrolment of {site}: {error}; put the run back from your copy"
            ) from error
    return found


def remember(site: str, enrolment: Enrolment, store: RunStore) -> None:
    """Record that a site has come in; one that it came in with before stays as it was.

    What it handed in for an open round under other keys is forgotten, to be asked for again: the
    ledger takes nothing from those any more.
    """
    known = enrolments(store)
    history = known.get(site, [])
    if enrolment.did in [one["did"] for one in history]:
        return
    if history:
        rows = {key: store.site_update(key) or {} for key in store.site_update_keys()}
        signed = [key for key, row in rows.items() if row.get("manifest")]
        store.forget_site_updates([key for key in signed if rows[key]["site"] == site])
    enrolled = {**known, site: [*history, remembered(enrolment)]}
    store.put_meta(_KEY, {**(told_of(store) or {}), "enrolled": enrolled})


def settings_of(identity: Identity, site: SiteFacts, experiment: Experiment) -> Settings:
    """Return what a site says of itself in every manifest."""
    lora = experiment.model.lora
    return Settings(
        lora={"rank": lora.rank, "alpha": lora.alpha, "target_modules": lora.target_modules},
        notes=notes_commitment(identity.document_key, site.sha256),
        software=software_digest(),
    )


def revoke_site(folder: Path, site: str, identities: Sequence[Identity]) -> int:
    """Return the number of the block with which a site's keys have become good for nothing.

    Args:
        identities: Of whoever coordinates the run.

    Raises:
        InputError: There is no such run, or no such site in it.
        StoreError: Another process is at work there.
        IdentityError: Somebody else coordinates it.
        LedgerError: The ledger cannot be written or reached, or the site is revoked already.
    """
    with RunStore.open(folder, writable=True) as store:
        if site not in (known := enrolments(store)):
            found = ", ".join(known) or "nobody: nothing is signed in this run"
            raise InputError([Fault(str(folder), f"no site {site!r} enrolled", found)])
        operator = operator_of(store, identities)
        with open_chain(store.experiment().audit.ledger, folder, operator.chain_key) as chain:
            ledger, _ = ledger_on(chain, operator, store)
            try:
                ledger.revoke(ledger.heir(last_enrolments(store, ledger.domain)[site].address))
            except RefusedError as error:
                raise LedgerError(f"{site}: found {error}, expected a site that is in") from error
            return chain.head().number
