"""What chain keys sign, against an implementation that is not ours."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from fedmedlora.audit import typed_data
from fedmedlora.audit.typed_data import Domain, Statement

DOMAIN = Domain(4077, bytes(range(20)))
KEY = b"\x07" * 32
RUN, START, DIGEST, OTHER = b"r" * 32, b"s" * 32, b"d" * 32, b"o" * 32
SUCCESSOR = b"\xab" * 20
# Of the group of secp256k1.
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
STATEMENTS = {
    "register": typed_data.register(OTHER, DIGEST),
    "rotate": typed_data.rotate(SUCCESSOR),
    "commit": typed_data.commit(RUN, 3, START, DIGEST),
}
TOLD: dict[str, tuple[str, list[tuple[str, str]], dict[str, Any]]] = {
    "register": (
        "Register",
        [("documentKey", "bytes32"), ("enrolment", "bytes32")],
        {"documentKey": OTHER, "enrolment": DIGEST},
    ),
    "rotate": ("Rotate", [("successor", "address")], {"successor": f"0x{SUCCESSOR.hex()}"}),
    "commit": (
        "Commit",
        [("run", "bytes32"), ("round", "uint32"), ("start", "bytes32"), ("digest", "bytes32")],
        {"run": RUN, "round": 3, "start": START, "digest": DIGEST},
    ),
}


def elsewhere(case: str) -> Any:  # noqa: ANN401 -- foreign
    """Return what another implementation makes of a statement."""
    name, members, values = TOLD[case]
    domain = {
        "name": "FedLedger",
        "version": "1",
        "chainId": DOMAIN.chain_id,
        "verifyingContract": f"0x{DOMAIN.contract.hex()}",
    }
    types = {name: [{"name": member, "type": kind} for member, kind in members]}
    return encode_typed_data(domain, types, values)


@pytest.mark.parametrize("case", STATEMENTS)
def test_the_digest_is_that_of_another_implementation(case: str) -> None:
    told = elsewhere(case)

    assert STATEMENTS[case].digest(DOMAIN) == keccak(
        b"\x19" + told.version + told.header + told.body
    )


@pytest.mark.parametrize("case", STATEMENTS)
def test_the_signature_is_that_of_another_implementation(case: str) -> None:
    signature = typed_data.sign(STATEMENTS[case], DOMAIN, KEY)

    assert signature == bytes(Account.sign_message(elsewhere(case), KEY).signature)
    assert typed_data.signer(STATEMENTS[case], DOMAIN, signature) == typed_data.address_of(KEY)
    assert f"0x{typed_data.address_of(KEY).hex()}" == Account.from_key(KEY).address.lower()


@pytest.mark.parametrize(
    ("statement", "domain"),
    [
        (typed_data.commit(OTHER, 3, START, DIGEST), DOMAIN),
        (typed_data.commit(RUN, 4, START, DIGEST), DOMAIN),
        (typed_data.commit(RUN, 3, OTHER, DIGEST), DOMAIN),
        (typed_data.commit(RUN, 3, START, OTHER), DOMAIN),
        (STATEMENTS["commit"], Domain(1, DOMAIN.contract)),
        (STATEMENTS["commit"], Domain(DOMAIN.chain_id, SUCCESSOR)),
    ],
)
def test_a_signature_of_something_else_is_not_the_signers(
    statement: Statement, domain: Domain
) -> None:
    signature = typed_data.sign(STATEMENTS["commit"], DOMAIN, KEY)

    assert typed_data.signer(statement, domain, signature) != typed_data.address_of(KEY)


def test_the_second_signature_that_follows_from_a_first_is_nobodys() -> None:
    first = typed_data.sign(STATEMENTS["commit"], DOMAIN, KEY)
    high = ORDER - int.from_bytes(first[32:64])
    # 27 for 28 and the other way round.
    second = first[:32] + high.to_bytes(32) + bytes([55 - first[64]])

    assert typed_data.signer(STATEMENTS["commit"], DOMAIN, second) is None


@pytest.mark.parametrize("height", [0, 1, 26, 29, 255])
def test_a_signature_of_another_height_is_nobodys(height: int) -> None:
    signature = typed_data.sign(STATEMENTS["commit"], DOMAIN, KEY)[:64] + bytes([height])

    assert typed_data.signer(STATEMENTS["commit"], DOMAIN, signature) is None


@pytest.mark.parametrize("num_bytes", [0, 1, 64, 66, 130])
def test_a_signature_of_another_length_is_nobodys(num_bytes: int) -> None:
    signature = (typed_data.sign(STATEMENTS["commit"], DOMAIN, KEY) * 2)[:num_bytes]

    assert typed_data.signer(STATEMENTS["commit"], DOMAIN, signature) is None


def test_zeros_are_nobodys_signature() -> None:
    assert typed_data.signer(STATEMENTS["commit"], DOMAIN, bytes(64) + b"\x1b") is None
