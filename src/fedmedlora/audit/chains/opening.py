"""From what an experiment says of its ledger to the chain that it stands on."""

from contextlib import AbstractContextManager
from pathlib import Path

from fedmedlora.audit.chain import Chain
from fedmedlora.audit.chains.embedded import EmbeddedChain

EMBEDDED = "embedded"
FILE = "ledger.sqlite"


def open_chain(
    ledger: str, folder: Path, key: bytes | None = None
) -> AbstractContextManager[Chain]:
    """Return a chain, closed on leaving.

    Args:
        ledger: "embedded", or the address of a node.
        folder: Where the embedded chain's file lies.
        key: secp256k1 private key of the operator; None opens it for reading.

    Raises:
        LedgerError: It cannot be read, written or reached, or is another operator's.
    """
    if ledger == EMBEDDED:
        return EmbeddedChain(folder / FILE, key)
    # Half a second of imports that nobody waits for who has no node.
    from fedmedlora.audit.chains.node import NodeChain  # noqa: PLC0415

    return NodeChain(ledger, key)
