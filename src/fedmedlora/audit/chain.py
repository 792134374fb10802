"""What a ledger needs of a chain: to send one transaction, to ask at a block, to name its head."""

from dataclasses import dataclass
from typing import Protocol, Self


class RevertedError(Exception):
    """The contract refused; the message is its reason."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a chain.

    Attributes:
        number: 0 is the first.
        hash: Of its header, 32 bytes.
        parent: Of the header before, 32 bytes.
    """

    number: int
    hash: bytes
    parent: bytes


class Chain(Protocol):
    """An EVM chain on which one operator sends transactions."""

    @property
    def chain_id(self) -> int:
        """Return what transactions and signatures name it by."""
        ...

    def deploy(self, code: bytes) -> bytes:
        """Return the address, 20 bytes, at which a contract now stands.

        Raises:
            LedgerError: The chain cannot be written or reached.
        """
        ...

    def send(self, contract: bytes, call: bytes) -> None:
        """Let a contract do something, for good.

        Raises:
            RevertedError: It refuses; nothing has changed.
            LedgerError: The chain cannot be written or reached.
        """
        ...

    def ask(self, contract: bytes, call: bytes, *, block: int | None = None) -> bytes:
        """Return what a contract answers as of a block; None is the head.

        Raises:
            RevertedError: It refuses.
            LedgerError: The chain cannot be read or reached.
        """
        ...

    def code(self, contract: bytes) -> bytes:
        """Return the code of a contract, b"" where none stands."""
        ...

    def head(self) -> Block:
        """Return the last block."""
        ...

    def block(self, number: int) -> Block | None:
        """Return a block by its number, None where there is none yet."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...

    def __enter__(self) -> Self:
        """Return the chain, to be closed behind the block."""
        ...

    def __exit__(self, *_: object) -> None:
        """Close the chain."""
        ...
