"""A chain of one operator in a SQLite file: nothing to install, start or pay for.

py-evm runs the contract, under the rules of London. A block holds one transaction and is one SQLite
transaction, synchronous: after a kill it is there whole or not at all.

Whoever holds the file could write another chain. What keeps the operator from it are the heads that
sites were shown and keep, see `heads`.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from eth.abc import BlockHeaderAPI
from eth.db.atomic import AtomicDB
from eth.exceptions import HeaderNotFound, PyEVMError

from fedmedlora.audit.chain import Block
from fedmedlora.audit.chains.evm import (
    CHAIN_ID,
    Evm,
    answered,
    begun,
    founder,
    founding,
    header_of,
    mined,
)
from fedmedlora.audit.chains.nodes import Nodes
from fedmedlora.audit.chains.transactions import transaction
from fedmedlora.audit.typed_data import address_of
from fedmedlora.errors import LedgerError

_GAS_PRICE = 10**9


class EmbeddedChain:
    """An open file; a context manager, to be closed after use."""

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        """Open a chain, or begin one.

        Args:
            key: secp256k1 private key of the operator; None opens a chain for reading.

        Raises:
            LedgerError: It cannot be read or written, or is another operator's.
        """
        self._path, self._key = path, key
        with _errors(path):
            self._nodes = Nodes(path, writable=key is not None)
        try:
            with _errors(path):
                self._chain = self._opened()
        except LedgerError:
            self._nodes.close()
            raise

    @property
    def chain_id(self) -> int:
        """Return what transactions and signatures name it by."""
        return CHAIN_ID

    def deploy(self, code: bytes) -> bytes:
        """Return the address at which a contract now stands."""
        return bytes(self._mined(None, code).msg.storage_address)

    def send(self, contract: bytes, call: bytes) -> None:
        """Let a contract do something, for good."""
        self._mined(contract, call)

    def ask(self, contract: bytes, call: bytes, *, block: int | None = None) -> bytes:
        """Return what a contract answers as of a block."""
        with _errors(self._path):
            header = self._head() if block is None else self._header(block)
            return answered(self._chain, header, contract, call)

    def code(self, contract: bytes) -> bytes:
        """Return the code of a contract, b"" where none stands."""
        with _errors(self._path):
            return bytes(self._chain.get_vm(self._head()).state.get_code(contract))

    def head(self) -> Block:
        """Return the last block."""
        with _errors(self._path):
            return _block(self._head())

    def block(self, number: int) -> Block | None:
        """Return a block by its number, None where there is none yet."""
        with _errors(self._path):
            try:
                return _block(self._header(number))
            except HeaderNotFound:
                return None

    def close(self) -> None:
        """Close the file."""
        self._nodes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> Any:  # noqa: ANN401 -- the library's
        if not self._nodes.is_empty():
            chain = Evm(AtomicDB(self._nodes))
            if self._key and founder(header_of(chain, 0)) != address_of(self._key):
                raise LedgerError(
                    f"{self._path}: found the chain of another operator, expected that of "
                    f"0x{address_of(self._key).hex()}; give the identity that it was begun with"
                )
            return chain
        with self._nodes.at_once():
            return begun(AtomicDB(self._nodes), founding(address_of(self._written_by())))

    def _written_by(self) -> bytes:
        if self._key is None:
            raise LedgerError(
                f"{self._path}: found a chain that is open for reading, expected the operator's key"
            )
        return self._key

    def _mined(self, to: bytes | None, data: bytes) -> Any:  # noqa: ANN401 -- the library's
        with _errors(self._path):
            key = self._written_by()
            nonce = self._chain.get_vm(self._head()).state.get_nonce(address_of(key))
            raw = transaction(
                key,
                to=to,
                data=data,
                nonce=nonce,
                gas_price=_GAS_PRICE,
                chain_id=CHAIN_ID,
            )
            try:
                with self._nodes.at_once():
                    now = max(int(time.time()), self._head().timestamp + 1)
                    return mined(self._chain, raw, now)
            except BaseException:
                # What it holds in memory is of a block that is not there.
                self._chain = Evm(AtomicDB(self._nodes))
                raise

    def _head(self) -> BlockHeaderAPI:
        head: BlockHeaderAPI = self._chain.get_canonical_head()
        return head

    def _header(self, number: int) -> BlockHeaderAPI:
        return header_of(self._chain, number)


def _block(header: BlockHeaderAPI) -> Block:
    return Block(header.block_number, bytes(header.hash), bytes(header.parent_hash))


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, KeyError, PyEVMError) as error:
        raise LedgerError(
            f"{path}: found {type(error).__name__} ({error}), expected a ledger that can be read "
            "and written; free the disk, let no other process hold it, or put your copy back"
        ) from error
