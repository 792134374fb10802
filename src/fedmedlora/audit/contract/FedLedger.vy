# pragma version 0.4.3
# pragma evm-version london
"""
@title FedLedger: who takes part in a federation, and what each of its rounds was made of
@license Apache-2.0
@notice Public keys, counters and digests alone stand here. The operator relays; what a site is held
    to carries the site's own EIP-712 signature, so the operator can leave out but not make up.
"""

struct Site:
    # Ed25519, for documents.
    document_key: bytes32
    # sha256 of the signed enrolment.
    enrolment: bytes32
    # Number of the block; 0 is never.
    since: uint64
    until: uint64
    # Who stands in its place after a rotation.
    successor: address

event Registered:
    site: indexed(address)
    document_key: bytes32
    enrolment: bytes32

event Revoked:
    site: indexed(address)

event Rotated:
    site: indexed(address)
    successor: indexed(address)

event Committed:
    run: indexed(bytes32)
    round: indexed(uint32)
    site: indexed(address)
    digest: bytes32

event Sealed:
    run: indexed(bytes32)
    round: indexed(uint32)
    digest: bytes32

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
REGISTER_TYPE: constant(bytes32) = keccak256("Register(bytes32 documentKey,bytes32 enrolment)")
ROTATE_TYPE: constant(bytes32) = keccak256("Rotate(address successor)")
COMMIT_TYPE: constant(bytes32) = keccak256("Commit(bytes32 run,uint32 round,bytes32 start,bytes32 digest)")

# Of secp256k1.
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

operator: public(immutable(address))
# Ed25519 of the operator, for round records.
operator_key: public(immutable(bytes32))
domain: immutable(bytes32)

sites: public(HashMap[address, Site])
owner_of_key: public(HashMap[bytes32, address])
commitments: public(HashMap[bytes32, HashMap[uint32, HashMap[address, bytes32]]])
seals: public(HashMap[bytes32, HashMap[uint32, bytes32]])
# Number of the block with which a round was closed.
sealed_with: public(HashMap[bytes32, HashMap[uint32, uint64]])
last_sealed: public(HashMap[bytes32, uint32])


@deploy
def __init__(key: bytes32):
    operator = msg.sender
    operator_key = key
    domain = keccak256(
        abi_encode(DOMAIN_TYPE, keccak256("FedLedger"), keccak256("1"), chain.id, self)
    )


@external
def register(site: address, document_key: bytes32, enrolment: bytes32, signature: Bytes[65]):
    """
    @notice Let a site in; it signs for its address that the document key is its own.
    """
    assert msg.sender == operator, "not the operator"
    self._enrol(site, document_key, enrolment, signature)
    log Registered(site=site, document_key=document_key, enrolment=enrolment)


@external
def revoke(site: address):
    """
    @notice Let a site's keys be good for nothing from this block on.
    """
    assert msg.sender == operator, "not the operator"
    self._require_active(site)
    self.sites[site].until = convert(block.number, uint64)
    log Revoked(site=site)


@external
def rotate(
    site: address,
    successor: address,
    document_key: bytes32,
    enrolment: bytes32,
    consent: Bytes[65],
    signature: Bytes[65],
):
    """
    @notice Put new keys in the place of a site's; the old key consents, the new one signs for itself.
    """
    assert msg.sender == operator, "not the operator"
    self._require_active(site)
    named: bytes32 = keccak256(abi_encode(ROTATE_TYPE, successor))
    assert self._signer(named, consent) == site, "wrong signature"
    self._enrol(successor, document_key, enrolment, signature)
    self.sites[site].until = convert(block.number, uint64)
    self.sites[site].successor = successor
    log Rotated(site=site, successor=successor)


@external
def commit(
    run: bytes32, round: uint32, start: bytes32, site: address, digest: bytes32, signature: Bytes[65]
):
    """
    @notice Record the digest of what a site handed in; whoever relays it, the site has signed.
    """
    self._require_active(site)
    assert round == self.last_sealed[run] + 1, "wrong round"
    assert self.commitments[run][round][site] == empty(bytes32), "committed before"
    said: bytes32 = keccak256(abi_encode(COMMIT_TYPE, run, round, start, digest))
    assert self._signer(said, signature) == site, "wrong signature"
    self.commitments[run][round][site] = digest
    log Committed(run=run, round=round, site=site, digest=digest)


@external
def seal(run: bytes32, round: uint32, digest: bytes32):
    """
    @notice Close a round with the digest of its record.
    """
    assert msg.sender == operator, "not the operator"
    assert round == self.last_sealed[run] + 1, "wrong round"
    self.seals[run][round] = digest
    self.sealed_with[run][round] = convert(block.number, uint64)
    self.last_sealed[run] = round
    log Sealed(run=run, round=round, digest=digest)


@internal
def _enrol(site: address, document_key: bytes32, enrolment: bytes32, signature: Bytes[65]):
    assert self.sites[site].since == 0, "known site"
    assert self.owner_of_key[document_key] == empty(address), "known key"
    said: bytes32 = keccak256(abi_encode(REGISTER_TYPE, document_key, enrolment))
    assert self._signer(said, signature) == site, "wrong signature"
    self.sites[site] = Site(
        document_key=document_key,
        enrolment=enrolment,
        since=convert(block.number, uint64),
        until=0,
        successor=empty(address),
    )
    self.owner_of_key[document_key] = site


@internal
@view
def _require_active(site: address):
    assert self.sites[site].since != 0, "unknown site"
    assert self.sites[site].until == 0, "revoked site"


@internal
@view
def _signer(struct_hash: bytes32, signature: Bytes[65]) -> address:
    digest: bytes32 = keccak256(concat(b"\x19\x01", domain, struct_hash))
    r: uint256 = extract32(signature, 0, output_type=uint256)
    s: uint256 = extract32(signature, 32, output_type=uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    # The other half of the values of s would make a second signature out of a first.
    assert s <= HALF_ORDER, "wrong signature"
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address), "wrong signature"
    return signer
