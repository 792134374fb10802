"""Both keys of a site speak for each other, on one ledger."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.audit import typed_data
from fedmedlora.audit.chains.embedded import EmbeddedChain
from fedmedlora.audit.documents import Document, DocumentError, digest, signed
from fedmedlora.audit.enrolment import (
    ENROLMENT,
    Enrolment,
    enrol,
    handed_over,
    let_in,
    remembered,
    verified_enrolment,
)
from fedmedlora.audit.identity import Identity, new_identity
from fedmedlora.audit.ledger import Ledger
from fedmedlora.audit.typed_data import Domain

DOMAIN = Domain(4077, b"c" * 20)
NOTES = "0" * 64
SITE, OTHER = new_identity(), new_identity()
GOOD: dict[str, Any] = {
    "site": SITE.did,
    "address": SITE.address.hex(),
    "chain_id": DOMAIN.chain_id,
    "contract": DOMAIN.contract.hex(),
    "most_tokens": 300,
    "notes": NOTES,
}


def taken(one: Enrolment, domain: Domain = DOMAIN) -> Enrolment:
    return verified_enrolment(one.did, one.document, one.consent, domain)


def code(one: Enrolment, domain: Domain = DOMAIN) -> str:
    with pytest.raises(DocumentError, match=r"^found .*, expected ") as caught:
        taken(one, domain)
    return caught.value.code


def said(predicate: dict[str, Any], *, consent_of: Identity = SITE) -> Enrolment:
    """Return an enrolment of a site that says something, and has a chain key consent to it."""
    document = signed(Document(ENROLMENT, {"notes": NOTES}, predicate), SITE.document_key)
    bound = typed_data.register(SITE.public_key, digest(document))
    consent = typed_data.sign(bound, DOMAIN, consent_of.chain_key)
    return Enrolment(SITE.did, SITE.address, 300, NOTES, document, consent)


def test_a_site_comes_in_with_both_of_its_keys() -> None:
    one = enrol(SITE, DOMAIN, most_tokens=300, notes=NOTES)

    assert taken(one) == one == said(GOOD)
    assert (one.did, one.address, one.most_tokens) == (SITE.did, SITE.address, 300)
    assert one.sha256 == digest(one.document)


def test_what_a_run_remembers_is_taken_again() -> None:
    one = enrol(SITE, DOMAIN, most_tokens=300, notes=NOTES)

    kept = remembered(one)

    assert kept["most_tokens"] == 300
    assert kept["notes"] == NOTES
    consent = bytes.fromhex(kept["consent"])
    assert verified_enrolment(kept["did"], kept["document"], consent, DOMAIN) == one


@pytest.mark.parametrize("other", [Domain(1, DOMAIN.contract), Domain(4077, b"d" * 20)])
def test_an_enrolment_is_for_one_ledger(other: Domain) -> None:
    one = enrol(SITE, DOMAIN, most_tokens=300, notes=NOTES)

    assert code(one, other) == "wrong_run"
    # Nor does a document for this one with a consent for that.
    elsewhere = enrol(SITE, other, most_tokens=300, notes=NOTES)
    assert code(replace(one, consent=elsewhere.consent)) == "wrong_signature"


def test_the_chain_key_of_another_does_not_speak_for_a_site() -> None:
    assert code(said(GOOD, consent_of=OTHER)) == "wrong_signature"


def test_a_site_does_not_speak_for_the_chain_key_of_another() -> None:
    # It would count what the other hands in as its own.
    claimed = {**GOOD, "address": OTHER.address.hex()}

    assert code(said(claimed)) == "wrong_signature"


def test_a_consent_is_to_one_enrolment() -> None:
    less, more = (enrol(SITE, DOMAIN, most_tokens=n, notes=NOTES) for n in (300, 301))

    assert code(replace(more, consent=less.consent)) == "wrong_signature"


def test_a_document_of_another_site_is_not_taken() -> None:
    other = enrol(OTHER, DOMAIN, most_tokens=300, notes=NOTES)

    assert code(replace(other, did=SITE.did)) == "wrong_signer"


@pytest.mark.parametrize(
    "change",
    [
        {"site": OTHER.did},
        {"most_tokens": 0},
        {"most_tokens": -1},
        {"most_tokens": True},
        {"most_tokens": 300.0},
        {"most_tokens": "300"},
        {"most_tokens": None},
        {"address": 7},
        {"address": "no digits"},
    ],
    # A key is another one in each process that collects.
    ids=lambda change: next(iter(change)),
)
def test_an_enrolment_of_nobody_is_refused(change: dict[str, Any]) -> None:
    assert code(said({**GOOD, **change})) == "unreadable_manifest"


@pytest.mark.parametrize("part", GOOD)
def test_an_enrolment_that_lacks_a_part_is_refused(part: str) -> None:
    assert code(said({key: value for key, value in GOOD.items() if key != part})) == (
        "unreadable_manifest"
    )


def test_an_address_of_no_length_is_nobodys() -> None:
    assert code(said({**GOOD, "address": ""})) == "wrong_signature"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    operator = new_identity()
    with EmbeddedChain(tmp_path / "ledger.sqlite", operator.chain_key) as chain:
        yield Ledger.begin(chain, operator.public_key)


def coming(
    ledger: Ledger,
    *keys: Identity,
    before: Identity | None = None,
    most_tokens: int = 300,
) -> None:
    """Let a site in with the first of some keys, which it had in the place of the others."""
    identity, *former = keys
    known = enrol(before, ledger.domain, most_tokens=300, notes=NOTES) if before else None
    one = enrol(identity, ledger.domain, most_tokens=most_tokens, notes=NOTES)
    consents = handed_over(former, identity, ledger.domain)
    let_in(one, ledger, before=known, consents=consents)


def kept_out(ledger: Ledger, *keys: Identity, before: Identity | None, tokens: int = 300) -> str:
    head = ledger.chain.head()
    with pytest.raises(DocumentError, match=r"^found .*, expected ") as caught:
        coming(ledger, *keys, before=before, most_tokens=tokens)
    assert ledger.chain.head() == head
    return caught.value.code


def in_force(ledger: Ledger, identity: Identity) -> bool:
    found = ledger.site(identity.address)
    return found is not None and found.until is None


def test_a_new_site_is_registered_once(ledger: Ledger) -> None:
    coming(ledger, SITE)
    head = ledger.chain.head()
    # Killed before the run knew, and later once it did.
    coming(ledger, SITE)
    coming(ledger, SITE, before=SITE)

    assert in_force(ledger, SITE)
    assert ledger.chain.head() == head


def test_keys_of_a_known_site_take_over_with_the_consent_of_the_last(ledger: Ledger) -> None:
    coming(ledger, SITE)
    # Replaced twice before the ledger heard of it.
    coming(ledger, OTHER, new_identity(), SITE, before=SITE)

    assert in_force(ledger, OTHER)
    assert not in_force(ledger, SITE)
    assert ledger.heir(SITE.address) == OTHER.address
    head = ledger.chain.head()
    # Killed before the run knew of it, and later once it did.
    coming(ledger, OTHER, SITE, before=SITE)
    coming(ledger, OTHER, SITE, before=OTHER)
    assert ledger.chain.head() == head


def test_keys_that_were_replaced_again_follow_those_that_the_ledger_has(ledger: Ledger) -> None:
    third = new_identity()
    coming(ledger, SITE)
    coming(ledger, OTHER, SITE, before=SITE)

    # The run was killed before it knew of the second.
    coming(ledger, third, SITE, OTHER, before=SITE)

    assert ledger.heir(SITE.address) == ledger.heir(OTHER.address) == third.address
    assert [in_force(ledger, one) for one in (SITE, OTHER, third)] == [False, False, True]


def test_nobody_else_takes_a_name_that_a_run_knows(ledger: Ledger) -> None:
    stranger, neighbour = new_identity(), new_identity()
    coming(ledger, SITE)
    coming(ledger, neighbour)

    assert kept_out(ledger, stranger, before=SITE) == "wrong_signer"
    assert kept_out(ledger, stranger, neighbour, before=SITE) == "wrong_signer"
    # In by a name of its own, and with the consent of its own former keys.
    assert kept_out(ledger, neighbour, before=SITE) == "wrong_signer"
    assert kept_out(ledger, neighbour, SITE, before=SITE) == "wrong_signer"
    assert in_force(ledger, SITE)


@pytest.mark.parametrize("before", [None, SITE])
def test_a_chain_key_brings_no_other_document_key(ledger: Ledger, before: Identity | None) -> None:
    coming(ledger, SITE)

    # What it signs with the other could never be verified, as the ledger knows it by the first.
    mixed = Identity(OTHER.document_key, SITE.chain_key)
    assert kept_out(ledger, mixed, before=before) == "wrong_signer"


def test_consent_to_other_keys_or_for_another_ledger_is_none(ledger: Ledger) -> None:
    coming(ledger, SITE)
    known, one = (
        enrol(each, ledger.domain, most_tokens=300, notes=NOTES) for each in (SITE, OTHER)
    )
    for domain, to in ((DOMAIN, OTHER), (ledger.domain, new_identity())):
        with pytest.raises(DocumentError, match="or its consent to new keys"):
            let_in(one, ledger, before=known, consents=handed_over([SITE], to, domain))


def test_keys_that_were_replaced_do_not_come_back(ledger: Ledger) -> None:
    coming(ledger, SITE)
    coming(ledger, OTHER, SITE, before=SITE)

    for before in (SITE, OTHER):
        assert kept_out(ledger, SITE, OTHER, before=before) == "wrong_signer"
    assert kept_out(ledger, SITE, before=None) == "revoked_site"


def test_a_revoked_site_does_not_come_back_with_new_keys(ledger: Ledger) -> None:
    coming(ledger, SITE)
    ledger.revoke(SITE.address)

    assert kept_out(ledger, OTHER, SITE, before=SITE) == "revoked_site"
    # With its old ones it does, and the ledger refuses what those sign.
    coming(ledger, SITE, before=SITE)
    assert not in_force(ledger, SITE)


def test_no_new_keys_make_a_site_count_more(ledger: Ledger) -> None:
    coming(ledger, SITE)

    assert kept_out(ledger, OTHER, SITE, before=SITE, tokens=301) == "too_many_tokens"
    assert kept_out(ledger, SITE, before=SITE, tokens=301) == "too_many_tokens"
    coming(ledger, OTHER, SITE, before=SITE, most_tokens=299)
