"""The ledger's rules, on both kinds of chain."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest
from tests.audit.nodes import anvil, fund

from fedmedlora.audit import typed_data
from fedmedlora.audit.chain import Chain
from fedmedlora.audit.chains.embedded import EmbeddedChain
from fedmedlora.audit.chains.node import NodeChain
from fedmedlora.audit.contract.__main__ import compiled
from fedmedlora.audit.identity import Identity, new_identity
from fedmedlora.audit.ledger import Ledger, RefusedError

RUN, OTHER_RUN = b"r" * 32, b"o" * 32
START, DIGEST, OTHER, ENROLMENT = b"s" * 32, b"d" * 32, b"x" * 32, b"e" * 32


@dataclass(frozen=True)
class Book:
    """A ledger with one site in it."""

    ledger: Ledger
    operator: Identity
    site: Identity


@pytest.fixture(params=["embedded", "node"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Chain, Identity]]:
    operator = new_identity()
    if request.param == "embedded":
        with EmbeddedChain(tmp_path / "ledger.sqlite", operator.chain_key) as opened:
            yield opened, operator
        return
    with anvil(tmp_path) as url, NodeChain(url, operator.chain_key) as reached:
        fund(url, operator.address)
        yield reached, operator


@pytest.fixture
def book(chain: tuple[Chain, Identity]) -> Book:
    ledger, site = Ledger.begin(chain[0], chain[1].public_key), new_identity()
    register(ledger, site)
    return Book(ledger, chain[1], site)


def register(ledger: Ledger, site: Identity, *, by: Identity | None = None) -> None:
    said = typed_data.register(site.public_key, ENROLMENT)
    consent = typed_data.sign(said, ledger.domain, (by or site).chain_key)
    ledger.register(site.address, site.public_key, ENROLMENT, consent)


def commit(
    book: Book,
    *,
    run: bytes = RUN,
    round_index: int = 1,
    digest: bytes = DIGEST,
    site: Identity | None = None,
    signed: tuple[bytes, int, bytes, bytes] | None = None,
    by: Identity | None = None,
) -> None:
    """Record an update; `signed` is what was signed where that is something else."""
    site = site or book.site
    said = typed_data.commit(*(signed or (run, round_index, START, digest)))
    consent = typed_data.sign(said, book.ledger.domain, (by or site).chain_key)
    book.ledger.commit(
        run, round_index, START, address=site.address, digest=digest, consent=consent
    )


def refused(doing: Callable[[], None]) -> str:
    with pytest.raises(RefusedError) as caught:
        doing()
    return caught.value.code


def test_the_contract_that_is_used_is_what_its_source_gives() -> None:
    used = files("fedmedlora.audit.contract").joinpath("FedLedger.json")

    assert compiled() == used.read_text(encoding="utf-8")


def test_what_was_recorded_can_be_asked_for(book: Book) -> None:
    ledger, site = book.ledger, book.site
    commit(book)
    ledger.seal(RUN, 1, OTHER)

    registered = ledger.site(site.address)
    assert registered is not None
    assert (registered.document_key, registered.enrolment) == (site.public_key, ENROLMENT)
    assert (registered.until, registered.successor) == (None, None)
    assert ledger.address_of(site.public_key) == site.address
    assert ledger.commitment(RUN, 1, site.address) == DIGEST
    assert ledger.sealed(RUN, 1) == OTHER
    assert ledger.operator_key() == book.operator.public_key
    # A contract, a site, an update and a round, one block each.
    assert ledger.chain.head().number - registered.since == 2


def test_what_was_not_recorded_is_not_there(book: Book) -> None:
    stranger = new_identity()

    assert book.ledger.site(stranger.address) is None
    assert book.ledger.address_of(stranger.public_key) is None
    assert book.ledger.commitment(RUN, 1, book.site.address) is None
    assert book.ledger.sealed(RUN, 1) is None
    assert book.ledger.chain.block(10**6) is None


def test_an_update_is_taken_from_a_site_that_is_in_and_has_signed_it(book: Book) -> None:
    stranger = new_identity()

    assert refused(lambda: commit(book, site=stranger)) == "unknown_site"
    assert refused(lambda: commit(book, by=stranger)) == "wrong_signature"
    # Signed for another run, another round, another start, another digest.
    for signed in (
        (OTHER_RUN, 1, START, DIGEST),
        (RUN, 2, START, DIGEST),
        (RUN, 1, OTHER, DIGEST),
        (RUN, 1, START, OTHER),
    ):
        assert refused(partial(commit, book, signed=signed)) == "wrong_signature"
    assert book.ledger.commitment(RUN, 1, book.site.address) is None


def test_an_update_is_recorded_once(book: Book) -> None:
    commit(book)
    before = book.ledger.chain.head()

    commit(book)

    assert book.ledger.chain.head() == before
    assert refused(lambda: commit(book, digest=OTHER)) == "replayed"
    assert book.ledger.commitment(RUN, 1, book.site.address) == DIGEST


def test_rounds_are_sealed_in_turn_and_take_no_update_afterwards(book: Book) -> None:
    ledger = book.ledger
    assert refused(lambda: commit(book, round_index=2)) == "wrong_round"
    assert refused(lambda: ledger.seal(RUN, 2, DIGEST)) == "wrong_round"

    ledger.seal(RUN, 1, DIGEST)
    ledger.seal(RUN, 1, DIGEST)

    assert refused(lambda: ledger.seal(RUN, 1, OTHER)) == "wrong_round"
    assert refused(lambda: commit(book)) == "wrong_round"
    commit(book, round_index=2)


def test_a_site_is_let_in_once_by_its_own_signature(book: Book) -> None:
    newcomer = new_identity()
    same_documents = Identity(book.site.document_key, newcomer.chain_key)

    assert refused(lambda: register(book.ledger, newcomer, by=book.site)) == "wrong_signature"
    assert refused(lambda: register(book.ledger, book.site)) == "refused_by_ledger"
    assert refused(lambda: register(book.ledger, same_documents)) == "refused_by_ledger"
    register(book.ledger, newcomer)
    commit(book, site=newcomer)


def test_keys_that_were_revoked_are_good_for_nothing(book: Book) -> None:
    before = book.ledger.chain.head().number

    book.ledger.revoke(book.site.address)

    assert refused(lambda: commit(book)) == "revoked_site"
    assert refused(lambda: book.ledger.revoke(book.site.address)) == "revoked_site"
    now = book.ledger.site(book.site.address)
    then = book.ledger.site(book.site.address, block=before)
    assert now is not None
    assert then is not None
    assert (then.until, now.until) == (None, before + 1)


def test_a_site_hands_over_to_its_next_keys(book: Book) -> None:
    ledger, old, new, other = book.ledger, book.site, new_identity(), new_identity()

    def rotate(by: Identity) -> None:
        successor = (new.address, new.public_key, ENROLMENT)
        consent = typed_data.sign(typed_data.rotate(new.address), ledger.domain, by.chain_key)
        said = typed_data.register(new.public_key, ENROLMENT)
        signature = typed_data.sign(said, ledger.domain, new.chain_key)
        ledger.rotate(old.address, successor, consent=consent, signature=signature)

    assert refused(lambda: rotate(other)) == "wrong_signature"
    rotate(old)

    assert refused(lambda: commit(book)) == "revoked_site"
    commit(book, site=new)
    gone = ledger.site(old.address)
    assert gone is not None
    assert gone.successor == new.address


def test_what_is_signed_for_one_ledger_is_good_for_no_other(
    chain: tuple[Chain, Identity], book: Book
) -> None:
    second = Ledger.begin(chain[0], chain[1].public_key)
    register(second, book.site)
    elsewhere = Book(second, book.operator, book.site)
    said = typed_data.commit(RUN, 1, START, DIGEST)
    consent = typed_data.sign(said, book.ledger.domain, book.site.chain_key)

    def replay() -> None:
        second.commit(RUN, 1, START, address=book.site.address, digest=DIGEST, consent=consent)

    assert refused(replay) == "wrong_signature"
    commit(elsewhere)


def test_python_recurses_no_deeper_where_there_is_a_ledger() -> None:
    # Its libraries let it, and then nested JSON of anybody would end the process.
    code = (
        "import json, sys; before = sys.getrecursionlimit();"
        "from fedmedlora.audit.chains import embedded, node;"
        "assert sys.getrecursionlimit() == before;"
        "json.loads('[' * 10**6)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr.splitlines()[-1][:15]) == (1, "RecursionError:")
