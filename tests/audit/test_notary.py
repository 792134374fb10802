"""What a site signs gets in; whatever was forged is refused, each forgery with its own code."""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.audit.chains.embedded import EmbeddedChain
from fedmedlora.audit.enrolment import Enrolment, enrol
from fedmedlora.audit.heads import HeadFile, verified_head
from fedmedlora.audit.identity import Identity, new_identity
from fedmedlora.audit.ledger import Ledger
from fedmedlora.audit.manifests import Settings
from fedmedlora.audit.notary import LedgerNotary
from fedmedlora.audit.signing import Signatory
from fedmedlora.errors import AdmissionError, LedgerError
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.notary import Claim, Closed
from fedmedlora.federation.site_round import Sent

BASE, START, OTHER = "b" * 64, "a" * 64, "c" * 64
ARM, NONCE = "fed_medlora", "11" * 32


@dataclass
class Federation:
    """Two sites that are enrolled, the operator's notary, and a head file for each site."""

    notary: LedgerNotary
    ledger: Ledger
    operator: Identity
    signatories: dict[str, Signatory]

    def attested(self, site: str, sent: Sent, plan: LocalPlan) -> Sent:
        return self.signatories[site].attested(sent, plan)

    def witness(self, heads: Sequence[str]) -> dict[str, str]:
        return {name: site.witness(heads) for name, site in self.signatories.items()}

    def plan(self, *, arm: str = ARM, round_index: int = 1) -> LocalPlan:
        return LocalPlan(0, round_index, 3, run=self.notary.run_of(arm))

    def claim(
        self,
        site: str = "heart",
        *,
        payload: bytes = b"update",
        plan: LocalPlan | None = None,
        start: str = START,
        by: Signatory | None = None,
    ) -> Claim:
        """Return what comes in when a site hands in something it has signed."""
        plan = plan or self.plan()
        sent = Sent(payload, None, 300, 0.5, BASE, start, plan.round_index)
        attestation = (by or self.signatories[site]).attested(sent, plan).attestation
        assert attestation is not None
        return Claim(
            site=site,
            run=plan.run,
            round_index=plan.round_index,
            num_tokens=300,
            base=BASE,
            start=start,
            delta=hashlib.sha256(payload).hexdigest(),
            num_bytes=len(payload),
            manifest=attestation.manifest,
            consent=attestation.consent,
        )

    def code(self, claim: Claim) -> str:
        with pytest.raises(AdmissionError) as caught:
            self.notary.admit(claim)
        return caught.value.code


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    operator = new_identity()
    with EmbeddedChain(tmp_path / "ledger.sqlite", operator.chain_key) as chain:
        ledger = Ledger.begin(chain, operator.public_key)
        enrolled: dict[str, Enrolment] = {}
        signatories = {}
        for site in ("heart", "bones"):
            identity = new_identity()
            one = enrol(identity, ledger.domain, most_tokens=1000, notes="0" * 64)
            ledger.register(one.address, identity.public_key, one.sha256, one.consent)
            enrolled[site] = one
            settings = Settings({"rank": 4}, "0" * 64, "1" * 64)
            heads = HeadFile(tmp_path / f"{site}.jsonl")
            signatories[site] = Signatory(identity, ledger.domain, operator.did, settings, heads)
        federation = Federation.__new__(Federation)
        notary = LedgerNotary(operator, ledger, federation, nonce=NONCE, enrolled=enrolled)
        federation.__init__(notary, ledger, operator, signatories)  # type: ignore[misc]
        yield federation


def changed_envelope(manifest: str, change: dict[str, Any]) -> str:
    return json.dumps({**json.loads(manifest), **change})


def changed_predicate(manifest: str, key: str, value: object) -> str:
    envelope = json.loads(manifest)
    statement = json.loads(b64decode(envelope["payload"]))
    statement["predicate"][key] = value
    payload = b64encode(json.dumps(statement).encode()).decode()
    return json.dumps({**envelope, "payload": payload})


def test_what_a_site_signed_gets_in_and_its_digest_is_recorded(federation: Federation) -> None:
    claim = federation.claim()

    federation.notary.admit(claim)

    address = federation.signatories["heart"].identity.address
    recorded = federation.ledger.commitment(bytes.fromhex(claim.run), 1, address)
    assert recorded == hashlib.sha256(claim.manifest.encode()).digest()


def test_a_site_that_nobody_knows_is_refused(federation: Federation) -> None:
    stranger = replace(federation.signatories["heart"], identity=new_identity())

    assert federation.code(replace(federation.claim(), site="lungs")) == "unknown_site"
    assert federation.code(federation.claim(by=stranger)) == "wrong_signer"


def test_another_sites_key_is_refused(federation: Federation) -> None:
    assert federation.code(federation.claim(by=federation.signatories["bones"])) == "wrong_signer"


def test_a_revoked_site_is_refused(federation: Federation) -> None:
    federation.ledger.revoke(federation.signatories["heart"].identity.address)

    assert federation.code(federation.claim()) == "revoked_site"


def test_what_was_changed_after_it_was_signed_is_refused(federation: Federation) -> None:
    claim = federation.claim()
    told = changed_predicate(claim.manifest, "num_tokens", 900)
    swapped = changed_envelope(claim.manifest, {"payloadType": "application/json"})
    other = hashlib.sha256(b"updatf").hexdigest()

    assert federation.code(replace(claim, manifest=told, num_tokens=900)) == "wrong_signature"
    assert federation.code(replace(claim, manifest=swapped)) == "wrong_payload_type"
    assert federation.code(replace(claim, manifest="[]")) == "unreadable_manifest"
    assert federation.code(replace(claim, delta=other)) == "altered_update"
    assert federation.code(replace(claim, num_bytes=7)) == "altered_update"
    assert federation.code(replace(claim, num_tokens=900)) == "altered_report"
    assert federation.code(replace(claim, manifest="")) == "unsigned"


def test_what_the_chain_key_did_not_consent_to_is_refused(federation: Federation) -> None:
    claim, other = federation.claim(), federation.claim(payload=b"another")

    assert federation.code(replace(claim, consent=other.consent)) == "wrong_signature"
    assert federation.code(replace(claim, consent="")) == "wrong_signature"
    assert federation.code(replace(claim, consent="no hex")) == "unreadable_manifest"


def test_what_was_signed_before_is_good_once(federation: Federation) -> None:
    first = federation.claim()
    federation.notary.admit(first)
    federation.notary.admit(first)
    close(federation)

    # In the same round, in the next one, in another arm, and late.
    assert federation.code(federation.claim(payload=b"second")) == "wrong_round"
    assert federation.code(replace(first, round_index=2)) == "wrong_round"
    assert federation.code(replace(first, run=federation.notary.run_of("other"))) == "wrong_run"
    assert federation.code(federation.claim("bones")) == "wrong_round"


def test_a_second_update_in_a_round_is_refused(federation: Federation) -> None:
    federation.notary.admit(federation.claim())

    assert federation.code(federation.claim(payload=b"second")) == "replayed"


def test_what_starts_elsewhere_than_was_signed_is_refused(federation: Federation) -> None:
    claim = federation.claim()

    assert federation.code(replace(claim, start=OTHER)) == "wrong_start"
    assert federation.code(replace(claim, base=OTHER)) == "wrong_base"


def test_sites_keep_and_countersign_what_they_are_shown(federation: Federation) -> None:
    federation.notary.admit(federation.claim())
    first = close(federation)
    second = close(federation, round_index=2, before=first)

    # Whoever was away for the first is shown both.
    federation.notary.witnessed([first])
    witnesses = federation.notary.witnessed([first, second])

    told = [verified_head(one, federation.operator.did) for one in (first, second)]
    assert told[1].before == told[0].hash
    for site, signatory in federation.signatories.items():
        assert signatory.heads.heads(federation.operator.did) == told
        assert verified_head(witnesses[site], signatory.identity.did) == told[1]


def test_a_round_that_is_sealed_again_gives_the_same_head(federation: Federation) -> None:
    first = close(federation)
    close(federation, round_index=2, before=first)

    assert close(federation) == first


def test_a_site_takes_no_other_history_than_it_was_shown(federation: Federation) -> None:
    first = close(federation)
    federation.notary.witnessed([first])
    second = close(federation, round_index=2)

    with pytest.raises(LedgerError, match="not what was shown before"):
        federation.notary.witnessed([second])
    with pytest.raises(LedgerError, match="behind another than block"):
        federation.notary.witnessed([first, second])


def close(federation: Federation, *, round_index: int = 1, before: str = "") -> str:
    """Return the head behind a round that is sealed."""
    run = federation.notary.run_of(ARM)
    document = {"round": round_index, "adapter": OTHER, "manifests": {}}
    closed = Closed(run, ARM, round_index, document, "0" * 64)
    return str(federation.notary.seal(closed, before=before)["head"])
