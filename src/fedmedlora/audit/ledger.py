"""The ledger: who takes part, and the digests of what was handed in and sealed, on a chain.

The contract keeps the rules (`contract/FedLedger.vy`); here they are called and their refusals get
the codes of admission.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from fedmedlora.audit.chain import Block, Chain, RevertedError
from fedmedlora.audit.typed_data import Domain
from fedmedlora.errors import LedgerError
from fedmedlora.reason_codes import ReasonCode

_NOTHING = bytes(32)
_CODES: Mapping[str, ReasonCode] = {
    "unknown site": "unknown_site",
    "revoked site": "revoked_site",
    "wrong round": "wrong_round",
    "committed before": "replayed",
    "wrong signature": "wrong_signature",
}


class RefusedError(Exception):
    """The ledger refused.

    Attributes:
        code: Why, in the words of admission where it has one.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.code: ReasonCode = _CODES.get(reason, "refused_by_ledger")


@dataclass(frozen=True, slots=True)
class Registration:
    """A site as it stands on the ledger.

    Attributes:
        address: Of its chain key, 20 bytes.
        document_key: Its Ed25519 public key.
        enrolment: sha256 of its signed enrolment.
        since: Number of the block it was let in with.
        until: That of the block since which its keys are good for nothing; None while they are.
        successor: The address that stands in its place, None without one.
    """

    address: bytes
    document_key: bytes
    enrolment: bytes
    since: int
    until: int | None
    successor: bytes | None


class Ledger:
    """The contract on a chain."""

    def __init__(self, chain: Chain, contract: bytes) -> None:
        self.chain, self.contract = chain, contract
        self.domain = Domain(chain.chain_id, contract)

    @classmethod
    def begin(cls, chain: Chain, operator_key: bytes) -> "Ledger":
        """Return a new ledger on a chain.

        Args:
            operator_key: Ed25519 public key of whoever signs the records of rounds.
        """
        code = bytes.fromhex(_made()["bytecode"][2:])
        return cls(chain, chain.deploy(code + encode(["bytes32"], [operator_key])))

    def register(
        self, address: bytes, document_key: bytes, enrolment: bytes, consent: bytes
    ) -> None:
        """Let a site in.

        Raises:
            RefusedError: It is in already, or did not sign for its keys.
        """
        self._send("register", address, document_key, enrolment, consent)

    def revoke(self, address: bytes) -> None:
        """Let a site's keys be good for nothing from now on.

        Raises:
            RefusedError: It is not in.
        """
        self._send("revoke", address)

    def rotate(
        self,
        address: bytes,
        successor: tuple[bytes, bytes, bytes],
        *,
        consent: bytes,
        signature: bytes,
    ) -> None:
        """Put new keys in the place of a site's.

        Args:
            successor: Address, document key and sha256 of the enrolment of the new ones.
            consent: Of the old chain key.
            signature: Of the new one, for its document key.

        Raises:
            RefusedError: The site is not in, or one of the two did not sign.
        """
        new, document_key, enrolment = successor
        self._send("rotate", address, new, document_key, enrolment, consent, signature)

    def commit(
        self,
        run: bytes,
        round_index: int,
        start: bytes,
        *,
        address: bytes,
        digest: bytes,
        consent: bytes,
    ) -> None:
        """Record what a site handed in; to record the same again does nothing.

        Raises:
            RefusedError: The site is not in or is revoked, has handed in something else, did not
                sign, or the round is not open.
        """
        try:
            self._send("commit", run, round_index, start, address, digest, consent)
        except RefusedError as error:
            if error.code != "replayed" or self.commitment(run, round_index, address) != digest:
                raise

    def seal(self, run: bytes, round_index: int, digest: bytes) -> None:
        """Close a round with the digest of its record; to seal it so again does nothing.

        Raises:
            RefusedError: It is sealed otherwise, or is not the next one.
        """
        if self.sealed(run, round_index) != digest:
            self._send("seal", run, round_index, digest)

    def is_ours(self) -> bool:
        """Return whether the contract is the one that this program knows."""
        # What it was told when it was made stands behind its code.
        known = bytes.fromhex(_made()["bytecode_runtime"][2:])
        return self.chain.code(self.contract).startswith(known)

    def operator_key(self) -> bytes:
        """Return the Ed25519 public key of whoever signs the records of rounds."""
        return bytes(self._ask("operator_key"))

    def site(self, address: bytes, *, block: int | None = None) -> Registration | None:
        """Return a site as of a block, None where it was never let in."""
        key, enrolment, since, until, successor = self._ask("sites", address, block=block)
        if not since:
            return None
        after = bytes.fromhex(successor[2:])
        return Registration(
            address, key, enrolment, since, until or None, after if any(after) else None
        )

    def heir(self, address: bytes) -> bytes:
        """Return the address that stands in the place of another by now, itself where none does."""
        while (one := self.site(address)) is not None and one.successor is not None:
            address = one.successor
        return address

    def address_of(self, document_key: bytes) -> bytes | None:
        """Return the address that a document key was let in with, None where it never was."""
        found = bytes.fromhex(self._ask("owner_of_key", document_key)[2:])
        return found if any(found) else None

    def commitment(self, run: bytes, round_index: int, address: bytes) -> bytes | None:
        """Return the digest of what a site handed in, None where it did not."""
        found = bytes(self._ask("commitments", run, round_index, address))
        return None if found == _NOTHING else found

    def sealed(self, run: bytes, round_index: int) -> bytes | None:
        """Return the digest of a round's record, None where the round is open."""
        found = bytes(self._ask("seals", run, round_index))
        return None if found == _NOTHING else found

    def sealed_with(self, run: bytes, round_index: int) -> Block:
        """Return the block with which a round was closed.

        Raises:
            LedgerError: The round is open, or the chain lacks the block.
        """
        block = self.chain.block(int(self._ask("sealed_with", run, round_index)))
        if block is None:
            raise LedgerError(
                f"ledger: found no block that closed round {round_index}, expected it; put your "
                "copy of the ledger back"
            )
        return block

    def _send(self, name: str, *values: object) -> None:
        try:
            self.chain.send(self.contract, _call(name, values))
        except RevertedError as error:
            raise RefusedError(str(error)) from error

    def _ask(self, name: str, *values: object, block: int | None = None) -> Any:  # noqa: ANN401
        output = self.chain.ask(self.contract, _call(name, values), block=block)
        kinds = [_kind(one) for one in _functions()[name]["outputs"]]
        try:
            (answer,) = decode(kinds, output)
        except (DecodingError, ValueError, TypeError) as error:
            raise LedgerError(
                f"ledger: found no contract at 0x{self.contract.hex()}, expected that of this "
                "federation; name the ledger it was begun on"
            ) from error
        return answer


def _call(name: str, values: Sequence[object]) -> bytes:
    kinds = [_kind(one) for one in _functions()[name]["inputs"]]
    selector = keccak(text=f"{name}({','.join(kinds)})")[:4]
    return selector + encode(kinds, [*values])


def _kind(member: Mapping[str, Any]) -> str:
    if member["type"] != "tuple":
        return str(member["type"])
    return "(" + ",".join(_kind(one) for one in member["components"]) + ")"


@cache
def _functions() -> Mapping[str, Any]:
    return {one["name"]: one for one in _made()["abi"] if one["type"] == "function"}


@cache
def _made() -> Mapping[str, Any]:
    made = files("fedmedlora.audit.contract").joinpath("FedLedger.json")
    content: Mapping[str, Any] = json.loads(made.read_text(encoding="utf-8"))
    return content
