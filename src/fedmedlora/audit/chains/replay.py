"""Whether an embedded chain is what its own transactions make of it.

Every transaction is run again from the first block on, in memory. The file is right if both have
the very same rows.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.exceptions import PyEVMError
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from fedmedlora.audit.chain import RevertedError
from fedmedlora.audit.chains.evm import Evm, begun, header_of, mined
from fedmedlora.audit.chains.nodes import Nodes

_UNREADABLE = (
    PyEVMError,
    RevertedError,
    ValidationError,
    RLPException,
    LookupError,
    ValueError,
    TypeError,
)


def chain_faults(path: Path) -> list[str]:
    """Return what is wrong with the file of an embedded chain, a sentence each."""
    try:
        with closing(Nodes(path, writable=False)) as nodes:
            return _faults(path, nodes)
    except sqlite3.Error as error:
        return [f"{path}: found {error}, expected the file of a ledger"]


def _faults(path: Path, nodes: Nodes) -> list[str]:
    stored = nodes.rows()
    try:
        again = _run_again(nodes)
    except _UNREADABLE as error:
        found = f"blocks that cannot be run again ({type(error).__name__})"
        return [f"{path}: found {found}, expected those that were sealed"]
    differing = [key for key in stored.keys() | again.keys() if stored.get(key) != again.get(key)]
    return [
        f"{path}: row {key.hex()[:16]}: found another content than its transactions give"
        for key in sorted(differing)
    ]


def _run_again(nodes: Nodes) -> dict[bytes, bytes]:
    """Return all rows that the transactions of a chain give."""
    chain, memory = Evm(AtomicDB(nodes)), MemoryDB()
    again = begun(AtomicDB(memory), bytes(header_of(chain, 0).extra_data))
    for number in range(1, chain.get_canonical_head().block_number + 1):
        block = chain.get_canonical_block_by_number(number)
        (only,) = block.transactions
        mined(again, only.encode(), block.header.timestamp)
    rows: dict[bytes, bytes] = dict(memory.kv_store)
    return rows
