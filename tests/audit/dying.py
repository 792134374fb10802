"""A process that is killed while it writes to an embedded chain, at a row that a test says."""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from fedmedlora.audit.chains.embedded import EmbeddedChain
from fedmedlora.audit.chains.nodes import Nodes
from fedmedlora.audit.ledger import Ledger


def main(path: Path, key: bytes, contract: bytes, num_rows: int) -> None:
    """Seal one round after another until so many rows were written, and be killed there."""
    numbers, put = count(1), Nodes.__setitem__

    def put_or_die(nodes: Nodes, key: bytes, value: bytes) -> None:
        put(nodes, key, value)
        if next(numbers) == num_rows:
            os.kill(os.getpid(), signal.SIGKILL)

    Nodes.__setitem__ = put_or_die  # type: ignore[method-assign]
    with EmbeddedChain(path, key) as chain:
        ledger = Ledger(chain, contract)
        for round_index in count(3):
            ledger.seal(b"r" * 32, round_index, round_index.to_bytes(32))
            print(chain.head().number, flush=True)  # noqa: T201 -- what a test waits for


if __name__ == "__main__":
    _, place, its_key, its_contract, rows = sys.argv
    main(Path(place), bytes.fromhex(its_key), bytes.fromhex(its_contract), int(rows))
