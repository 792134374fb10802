"""What a chain key signs: EIP-712 structures under the domain of one contract on one chain.

    digest  =  keccak256(0x19 0x01 ++ domain ++ keccak256(type hash ++ values))
    domain  =  keccak256(type hash of EIP712Domain ++ name ++ version ++ chain id ++ contract)

A signature is r ++ s ++ v of 65 bytes; it is the only one there is for a key and a digest, as s is
of the lower half and the nonce follows from both (RFC 6979).

Source: EIP-712, definition of `encode` and of `domainSeparator`; EIP-2 on the value of s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_NAME, _VERSION = "FedLedger", "1"
_HEIGHT = 27
_SIGNATURE_BYTES = 65
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""The largest s: half of the order of the group of secp256k1 (SEC 2, section 2.4.1)."""


@dataclass(frozen=True, slots=True)
class Domain:
    """One contract on one chain; what is signed for it is good for no other.

    Attributes:
        chain_id: Of the chain.
        contract: Address of the contract, 20 bytes.
    """

    chain_id: int
    contract: bytes

    def separator(self) -> bytes:
        """Return the 32 bytes that stand for it in every digest."""
        return _hash(
            _DOMAIN,
            ("bytes32", "bytes32", "uint256", "address"),
            (_keccak(_NAME.encode()), _keccak(_VERSION.encode()), self.chain_id, self.contract),
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """A structure to be signed.

    Attributes:
        type: As EIP-712 writes it: `Rotate(address successor)`.
        values: One for each of its members, in their order.
    """

    type: str
    values: Sequence[object]

    def digest(self, domain: Domain) -> bytes:
        """Return the 32 bytes that are signed."""
        members = self.type[self.type.index("(") + 1 : -1].split(",")
        types = [member.split()[0] for member in members]
        return _keccak(b"\x19\x01" + domain.separator() + _hash(self.type, types, self.values))


def register(document_key: bytes, enrolment: bytes) -> Statement:
    """Return what a site signs to be let in: the document key and the enrolment are its own."""
    return Statement("Register(bytes32 documentKey,bytes32 enrolment)", (document_key, enrolment))


def rotate(successor: bytes) -> Statement:
    """Return what a site signs to hand over to its next chain key."""
    return Statement("Rotate(address successor)", (successor,))


def commit(run: bytes, round_index: int, start: bytes, digest: bytes) -> Statement:
    """Return what a site signs for an update.

    Args:
        start: sha256 of the global adapter it started from.
        digest: sha256 of its signed manifest.
    """
    kind = "Commit(bytes32 run,uint32 round,bytes32 start,bytes32 digest)"
    return Statement(kind, (run, round_index, start, digest))


def sign(statement: Statement, domain: Domain, key: bytes) -> bytes:
    """Return the signature of a secp256k1 private key of 32 bytes."""
    signature = PrivateKey(key).sign_msg_hash(statement.digest(domain))
    r, s, v = int(signature.r), int(signature.s), int(signature.v)
    return r.to_bytes(32) + s.to_bytes(32) + bytes([v + _HEIGHT])


def signer(statement: Statement, domain: Domain, signature: bytes) -> bytes | None:
    """Return the address whose key signed, None where nobody's did."""
    # The contract takes no other either.
    if len(signature) != _SIGNATURE_BYTES or int.from_bytes(signature[32:64]) > _HALF_ORDER:
        return None
    try:
        found = Signature(signature[:64] + bytes([signature[64] - _HEIGHT]))
        public = found.recover_public_key_from_msg_hash(statement.digest(domain))
    except (BadSignature, ValidationError, ValueError):
        return None
    return bytes(public.to_canonical_address())


def address_of(key: bytes) -> bytes:
    """Return the address of a secp256k1 private key."""
    return bytes(PrivateKey(key).public_key.to_canonical_address())


def _hash(kind: str, types: Sequence[str], values: Sequence[object]) -> bytes:
    return _keccak(encode(["bytes32", *types], [_keccak(kind.encode()), *values]))


def _keccak(content: bytes) -> bytes:
    return bytes(keccak(content))
