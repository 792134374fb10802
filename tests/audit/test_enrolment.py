"""Both keys of a site speak for each other, on one ledger."""

from dataclasses import replace
from typing import Any

import pytest

from fedmedlora.audit import typed_data
from fedmedlora.audit.documents import Document, DocumentError, digest, signed
from fedmedlora.audit.enrolment import (
    ENROLMENT,
    Enrolment,
    enrol,
    remembered,
    verified_enrolment,
)
from fedmedlora.audit.identity import Identity, new_identity
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
