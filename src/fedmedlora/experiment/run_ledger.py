"""What a run remembers of its ledger: where it stands, who its operator is, who has come in."""

import secrets
from collections.abc import Mapping
from typing import Any

from fedmedlora.audit.chain import Chain
from fedmedlora.audit.enrolment import Enrolment, remembered
from fedmedlora.audit.identity import Identity
from fedmedlora.audit.ledger import Ledger
from fedmedlora.audit.manifests import Settings, notes_commitment, software_digest
from fedmedlora.evaluation.cohorts import SiteFacts
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore

_KEY = "audit"

Document = dict[str, Any]


def told_of(store: RunStore) -> Document | None:
    """Return what a run remembers of its ledger, None where nothing is signed."""
    told: Document | None = store.meta(_KEY)
    return told


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


def remember(site: str, enrolment: Enrolment, store: RunStore) -> None:
    """Record that a site has come in; one that it came in with before stays as it was."""
    known = enrolments(store)
    history = known.get(site, [])
    if enrolment.did not in [one["did"] for one in history]:
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
