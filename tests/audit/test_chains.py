"""The chain of one operator in a file: it is found again as it was, or what is wrong with it is."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fedmedlora.audit.chain import RevertedError
from fedmedlora.audit.chains.embedded import EmbeddedChain
from fedmedlora.audit.chains.evm import header_of
from fedmedlora.audit.chains.replay import chain_faults
from fedmedlora.audit.identity import Identity, new_identity
from fedmedlora.audit.ledger import Ledger, RefusedError
from fedmedlora.errors import LedgerError

RUN = b"r" * 32
DYING = Path(__file__).with_name("dying.py")


@pytest.fixture(scope="module")
def operator() -> Identity:
    return new_identity()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(file: Path, operator: Identity) -> Iterator[Ledger]:
    """Return a ledger with two sealed rounds."""
    with EmbeddedChain(file, operator.chain_key) as chain:
        ledger = Ledger.begin(chain, operator.public_key)
        for number in (1, 2):
            ledger.seal(RUN, number, number.to_bytes(32))
        yield ledger


@pytest.fixture
def closed(ledger: Ledger, file: Path) -> Path:
    ledger.chain.close()
    return file


def changed(file: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        assert connection.execute(sql, values).rowcount == 1


def keys(file: Path) -> list[bytes]:
    with closing(sqlite3.connect(file)) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM nodes ORDER BY rowid")]


def test_a_chain_goes_on_where_it_was_left(ledger: Ledger, file: Path, operator: Identity) -> None:
    head = ledger.chain.head()
    ledger.chain.close()

    with EmbeddedChain(file, operator.chain_key) as chain:
        again = Ledger(chain, ledger.contract)
        assert chain.head() == head
        assert again.sealed(RUN, 2) == (2).to_bytes(32)
        again.seal(RUN, 3, (3).to_bytes(32))
        # A block each for the contract and three rounds; each names the one before.
        assert chain.head().number == 4
        assert chain.head().parent == head.hash
    assert chain_faults(file) == []


def test_a_chain_is_its_operators(closed: Path) -> None:
    with pytest.raises(LedgerError, match="found the chain of another operator, expected that of"):
        EmbeddedChain(closed, new_identity().chain_key)
    assert chain_faults(closed) == []


def test_a_chain_that_is_open_for_reading_is_read_and_not_written(
    ledger: Ledger, closed: Path
) -> None:
    before = closed.read_bytes()

    with EmbeddedChain(closed) as chain:
        again = Ledger(chain, ledger.contract)
        assert again.sealed(RUN, 1) == (1).to_bytes(32)
        assert again.is_ours()
        with pytest.raises(LedgerError, match="open for reading, expected the operator's key"):
            again.seal(RUN, 3, (3).to_bytes(32))

    assert closed.read_bytes() == before


def test_a_chain_can_be_read_where_nothing_can_be_written(ledger: Ledger, closed: Path) -> None:
    closed.chmod(0o400)
    closed.parent.chmod(0o500)
    try:
        with EmbeddedChain(closed) as chain:
            assert Ledger(chain, ledger.contract).sealed(RUN, 2) == (2).to_bytes(32)
        assert [path.name for path in closed.parent.iterdir()] == [closed.name]
    finally:
        closed.parent.chmod(0o700)


def test_a_chain_that_is_not_there_is_not_begun_by_reading(file: Path) -> None:
    with pytest.raises(LedgerError, match=r"ledger\.sqlite: found .*, expected a ledger that can"):
        EmbeddedChain(file)
    assert not file.exists()


def test_a_file_of_something_else_is_told(file: Path, operator: Identity) -> None:
    file.write_bytes(b"notes" * 1000)

    for key in (None, operator.chain_key):
        with pytest.raises(LedgerError, match="expected a ledger that can be read"):
            EmbeddedChain(file, key)
    (fault,) = chain_faults(file)
    assert fault.endswith("expected the file of a ledger")


def test_a_refusal_leaves_no_trace(ledger: Ledger, file: Path) -> None:
    before, rows = ledger.chain.head(), keys(file)

    with pytest.raises(RefusedError, match="wrong round"):
        ledger.seal(RUN, 7, b"x" * 32)

    assert (ledger.chain.head(), keys(file)) == (before, rows)
    ledger.seal(RUN, 3, b"x" * 32)
    assert ledger.chain.head().number == before.number + 1


def test_what_the_contract_lacks_is_refused(ledger: Ledger) -> None:
    with pytest.raises(RevertedError):
        ledger.chain.ask(ledger.contract, b"\0\0\0\0")


def test_blocks_are_all_alike(file: Path, operator: Identity) -> None:
    with EmbeddedChain(file, operator.chain_key) as chain:
        ledger = Ledger.begin(chain, operator.public_key)
        for number in range(1, 51):
            ledger.seal(RUN, number, bytes([number]) * 32)
        headers = [header_of(chain._chain, number) for number in range(52)]

    # The first block is given; the limit of all of them must suffice for a new contract.
    assert {header.gas_limit for header in headers} == {30_000_000}
    assert {header.base_fee_per_gas for header in headers} == {7}
    assert {header.difficulty for header in headers[1:]} == {1}
    # More than one a second: each is later than the one before all the same.
    times = [header.timestamp for header in headers]
    assert times == sorted(set(times))
    assert chain_faults(file) == []


@pytest.mark.parametrize("num_rows", [1, 2, 5, 9, 14, 25])
def test_a_chain_whose_writer_was_killed_amid_a_block_is_whole(
    ledger: Ledger, closed: Path, operator: Identity, num_rows: int
) -> None:
    words = [str(closed), operator.chain_key.hex(), ledger.contract.hex(), str(num_rows)]
    before = keys(closed)
    killed = subprocess.run(
        [sys.executable, str(DYING), *words], stdout=subprocess.PIPE, check=False
    )

    assert killed.returncode == -signal.SIGKILL
    # The contract and two rounds, and of what it wrote the blocks that it has said.
    said = [int(line) for line in killed.stdout.split()]
    with EmbeddedChain(closed, operator.chain_key) as chain:
        head = chain.head().number
        assert head == (said[-1] if said else 3)
        assert bool(said) or keys(closed) == before
        again = Ledger(chain, ledger.contract)
        assert again.sealed(RUN, head - 1) == (head - 1).to_bytes(32)
        assert again.sealed(RUN, head) is None
        again.seal(RUN, head, head.to_bytes(32))
    assert chain_faults(closed) == []


def test_every_row_that_was_changed_is_found(closed: Path) -> None:
    for key in keys(closed):
        with closing(sqlite3.connect(closed)) as connection:
            sql = "SELECT value FROM nodes WHERE key = ?"
            ((value,),) = connection.execute(sql, (key,)).fetchall()
        other = value[:-1] + bytes([value[-1] ^ 1]) if value else b"\0"
        changed(closed, "UPDATE nodes SET value = ? WHERE key = ?", other, key)
        assert chain_faults(closed), key
        changed(closed, "UPDATE nodes SET value = ? WHERE key = ?", value, key)
    assert chain_faults(closed) == []


def test_every_row_that_was_taken_away_is_found(closed: Path) -> None:
    for key in keys(closed):
        with closing(sqlite3.connect(closed)) as connection:
            sql = "SELECT value FROM nodes WHERE key = ?"
            ((value,),) = connection.execute(sql, (key,)).fetchall()
        changed(closed, "DELETE FROM nodes WHERE key = ?", key)
        assert chain_faults(closed), key
        changed(closed, "INSERT INTO nodes VALUES (?, ?)", key, value)
    assert chain_faults(closed) == []


def test_a_row_that_was_added_is_named(closed: Path) -> None:
    changed(closed, "INSERT INTO nodes VALUES (?, ?)", b"\xab" * 32, b"\1")

    assert chain_faults(closed) == [
        f"{closed}: row abababababababab: found another content than its transactions give"
    ]


def test_brackets_in_brackets_do_not_end_the_process_that_has_a_chain() -> None:
    script = (
        "import fedmedlora.audit.chains.embedded, fedmedlora.audit.chains.replay\n"
        "from fedmedlora.audit.documents import DocumentError, verified\n"
        "try: verified('[' * 10**5, '', kind='')\n"
        "except DocumentError as error: print(error.code)\n"
    )

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert (ended.returncode, ended.stdout) == (0, b"unreadable_manifest\n")
