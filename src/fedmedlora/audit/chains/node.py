"""A chain behind a JSON-RPC node: that of a consortium, or any other of the EVM.

The node needs to know no key; transactions are signed here. Nothing is asked of it but what every
node answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Self

import requests
from eth_typing import ChecksumAddress
from web3 import HTTPProvider, Web3
from web3.exceptions import BlockNotFound, ContractLogicError, Web3Exception

from fedmedlora.audit.chain import Block, RevertedError
from fedmedlora.audit.chains.transactions import transaction
from fedmedlora.audit.typed_data import address_of
from fedmedlora.errors import LedgerError

_WAIT_S = 120.0
_TICK_S = 0.05
_REVERTED = "execution reverted: "


class NodeChain:
    """A node and the operator's key; a context manager, to be closed after use."""

    def __init__(self, url: str, key: bytes | None = None) -> None:
        """Reach a node.

        Args:
            key: secp256k1 private key of the operator; None reaches it for reading.

        Raises:
            LedgerError: Nobody answers there.
        """
        self._url, self._key = url, key
        self._session = requests.Session()
        self._node = Web3(HTTPProvider(url, session=self._session))
        with _errors(url):
            self._chain_id = int(self._node.eth.chain_id)

    @property
    def chain_id(self) -> int:
        """Return what transactions and signatures name it by."""
        return self._chain_id

    def deploy(self, code: bytes) -> bytes:
        """Return the address at which a contract now stands."""
        return bytes.fromhex(self._mined(None, code)["contractAddress"][2:])

    def send(self, contract: bytes, call: bytes) -> None:
        """Let a contract do something, for good."""
        # Nodes tell the reason for a refusal of a call alone.
        self._asked(contract, call, "latest", sender=address_of(self._written_by()))
        self._mined(contract, call)

    def ask(self, contract: bytes, call: bytes, *, block: int | None = None) -> bytes:
        """Return what a contract answers as of a block."""
        return self._asked(contract, call, "latest" if block is None else block)

    def code(self, contract: bytes) -> bytes:
        """Return the code of a contract, b"" where none stands."""
        with _errors(self._url):
            return bytes(self._node.eth.get_code(_checksummed(contract)))

    def head(self) -> Block:
        """Return the last block."""
        with _errors(self._url):
            return _block(self._node.eth.get_block("latest"))

    def block(self, number: int) -> Block | None:
        """Return a block by its number, None where there is none yet."""
        with _errors(self._url):
            try:
                return _block(self._node.eth.get_block(number))
            except BlockNotFound:
                return None

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(
        self,
        contract: bytes,
        call: bytes,
        block: int | Literal["latest"],
        *,
        sender: bytes | None = None,
    ) -> bytes:
        asked: Any = {"to": _checksummed(contract), "data": call}
        if sender is not None:
            asked["from"] = _checksummed(sender)
        with _errors(self._url):
            try:
                return bytes(self._node.eth.call(asked, block))
            except ContractLogicError as error:
                reason = str(error.message or "").removeprefix(_REVERTED)
                raise RevertedError(reason or "no reason") from error

    def _written_by(self) -> bytes:
        if self._key is None:
            raise LedgerError(
                f"ledger at {self._url}: found that it is open for reading, expected the "
                "operator's key"
            )
        return self._key

    def _mined(self, to: bytes | None, data: bytes) -> Any:  # noqa: ANN401 -- the library's
        with _errors(self._url):
            key = self._written_by()
            raw = transaction(
                key,
                to=to,
                data=data,
                nonce=self._node.eth.get_transaction_count(_checksummed(address_of(key))),
                gas_price=int(self._node.eth.gas_price),
                chain_id=self._chain_id,
            )
            sent = self._node.eth.send_raw_transaction(raw)
            receipt: Any = self._node.eth.wait_for_transaction_receipt(
                sent, timeout=_WAIT_S, poll_latency=_TICK_S
            )
        if receipt["status"] != 1:
            raise RevertedError("no reason")
        return receipt


def _checksummed(address: bytes) -> ChecksumAddress:
    return Web3.to_checksum_address(f"0x{address.hex()}")


def _block(found: Any) -> Block:  # noqa: ANN401 -- the library's
    return Block(int(found["number"]), bytes(found["hash"]), bytes(found["parentHash"]))


@contextmanager
def _errors(url: str) -> Iterator[None]:
    try:
        yield
    except (requests.RequestException, Web3Exception, OSError) as error:
        raise LedgerError(
            f"ledger at {url}: found {type(error).__name__}, expected a JSON-RPC node that answers "
            "and takes the operator's transactions; see that it runs and that the operator's "
            "address has funds there if it asks for any"
        ) from error
