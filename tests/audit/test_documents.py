"""Documents that are signed, and everything that only looks like one."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedmedlora.audit.documents import (
    Document,
    DocumentError,
    canonical,
    digest,
    signed,
    signer_of,
    verified,
)
from fedmedlora.audit.identity import Identity, new_identity

Json = dict[str, Any]
KIND = "urn:fed-medlora:test:1"
DOCUMENT = Document(KIND, {"adapter": "a" * 64}, {"round": 3, "score": 0.1})
SITE, OTHER = new_identity(), new_identity()


def text(document: Document = DOCUMENT, by: Identity = SITE) -> str:
    return signed(document, by.document_key)


def code(document: str, *, did: str = SITE.did, kind: str = KIND) -> str:
    with pytest.raises(DocumentError, match=r"^found .*, expected ") as caught:
        verified(document, did, kind=kind)
    return caught.value.code


def with_envelope(change: Callable[[Json], object]) -> str:
    """Return a good document whose envelope was changed."""
    envelope = json.loads(text())
    change(envelope)
    return json.dumps(envelope)


def with_statement(change: Callable[[Json], object], *, signed_anew: bool) -> str:
    """Return a document whose statement was changed, before it was signed or after."""
    envelope = json.loads(text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(statement)
    return enveloped(json.dumps(statement).encode(), anew=signed_anew)


def enveloped(payload: bytes, *, anew: bool = True) -> str:
    envelope = json.loads(text())
    envelope["payload"] = base64.b64encode(payload).decode()
    if anew:
        kind = envelope["payloadType"].encode()
        # As DSSE 1.0 has it, written here once more by hand.
        said = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        key = Ed25519PrivateKey.from_private_bytes(SITE.document_key)
        envelope["signatures"][0]["sig"] = base64.b64encode(key.sign(said)).decode()
    return json.dumps(envelope)


def test_what_was_signed_is_what_is_read() -> None:
    assert verified(text(), SITE.did, kind=KIND) == DOCUMENT
    assert signer_of(text()) == SITE.did


def test_the_same_document_gives_the_same_text() -> None:
    again = Document(KIND, {"adapter": "a" * 64}, {"score": 0.1, "round": 3})

    assert text(again) == text()
    assert digest(text()) == hashlib.sha256(text().encode()).digest()


def test_a_signature_is_that_of_the_envelopes_protocol() -> None:
    envelope = json.loads(text())

    assert enveloped(base64.b64decode(envelope["payload"])) == json.dumps(envelope)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "adapter", "digest": {"sha256": "a" * 64}}],
        "predicateType": KIND,
        "predicate": DOCUMENT.predicate,
    }


def test_a_document_is_of_whoever_is_expected() -> None:
    assert code(text(by=OTHER)) == "wrong_signer"
    assert code(text(), did=OTHER.did) == "wrong_signer"


def test_a_signature_under_another_name_is_refused() -> None:
    def renamed(envelope: Json) -> None:
        envelope["signatures"][0]["keyid"] = OTHER.did

    assert code(with_envelope(renamed), did=OTHER.did) == "wrong_signature"


def test_a_document_has_one_signature() -> None:
    second = json.loads(text(by=OTHER))["signatures"]

    def both(envelope: Json) -> None:
        envelope["signatures"] += second

    def nobody(envelope: Json) -> None:
        envelope["signatures"] = []

    assert code(with_envelope(both)) == "wrong_signer"
    assert code(with_envelope(nobody)) == "wrong_signer"


def test_another_payload_type_is_told() -> None:
    def swapped(envelope: Json) -> None:
        envelope["payloadType"] = "application/json"

    assert code(with_envelope(swapped)) == "wrong_payload_type"


def test_a_document_of_another_kind_is_refused() -> None:
    assert code(text(), kind="urn:fed-medlora:update:1") == "wrong_manifest_type"


def test_a_statement_of_another_version_is_refused() -> None:
    def older(statement: Json) -> None:
        statement["_type"] = "https://in-toto.io/Statement/v0.1"

    assert code(with_statement(older, signed_anew=True)) == "wrong_manifest_type"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda said: said["predicate"].update(round=4), id="a value"),
        pytest.param(lambda said: said["predicate"].pop("round"), id="one less"),
        pytest.param(lambda said: said["subject"][0].update(name="b"), id="the subject"),
        pytest.param(lambda said: said.update(predicateType="b"), id="the kind"),
        pytest.param(dict, id="the way it is written"),
    ],
)
def test_what_was_changed_after_it_was_signed_is_refused(change: Callable[[Json], object]) -> None:
    assert code(with_statement(change, signed_anew=False)) == "wrong_signature"


@pytest.mark.parametrize("place", range(0, 64, 9))
def test_a_signature_with_another_bit_is_refused(place: int) -> None:
    def flipped(envelope: Json) -> None:
        signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
        signature[place] ^= 1
        envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()

    assert code(with_envelope(flipped)) == "wrong_signature"


@pytest.mark.parametrize("num_bytes", [0, 1, 63, 65])
def test_a_signature_of_another_length_is_refused(num_bytes: int) -> None:
    def cut(envelope: Json) -> None:
        signature = base64.b64decode(envelope["signatures"][0]["sig"]) + b"\0"
        envelope["signatures"][0]["sig"] = base64.b64encode(signature[:num_bytes]).decode()

    assert code(with_envelope(cut)) == "wrong_signature"


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "{",
        "7",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        text()[:-1],
        json.dumps({"payload": 7, "payloadType": "a", "signatures": []}),
        json.dumps({**json.loads(text()), "payload": "%%%"}),
        json.dumps({**json.loads(text()), "signatures": 7}),
        json.dumps({**json.loads(text()), "signatures": [7]}),
        json.dumps({**json.loads(text()), "signatures": [{"keyid": SITE.did}]}),
        json.dumps({**json.loads(text()), "signatures": [{"keyid": SITE.did, "sig": 7}]}),
    ],
    ids=lambda garbage: garbage[:20],
)
def test_garbage_is_no_envelope(garbage: str) -> None:
    assert code(garbage) == "unreadable_manifest"


@pytest.mark.parametrize(
    "payload",
    [b"", b"7", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"predicateType": "a", "subject": 7}'],
    ids=lambda payload: repr(payload[:20]),
)
def test_signed_garbage_is_no_statement(payload: bytes) -> None:
    assert code(enveloped(payload)) == "unreadable_manifest"


@pytest.mark.parametrize("other", ["", "{}", "7", '{"signatures": []}', '{"signatures": [{}]}'])
def test_garbage_was_signed_by_nobody(other: str) -> None:
    assert signer_of(other) == ""


def test_what_is_undefined_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"score": float("nan")})


def test_a_document_that_is_far_too_long_is_not_even_read() -> None:
    long = Document(KIND, {}, {"words": "x" * 2**18})

    assert code(text(long)) == "unreadable_manifest"
    assert verified(text(), SITE.did, kind=KIND) == DOCUMENT
