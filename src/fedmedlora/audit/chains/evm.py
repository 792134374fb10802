"""How the embedded chain begins, and how a contract on it is asked.

The first block gives the operator all there is and names it, so that the whole chain can be run
again by whoever has its transactions. It also says from which number the operator's transactions
are counted, and what a contract's address is follows from that: no two chains have one in common,
and what a site signs for one, or keeps of it, is of no other.
"""

import secrets
from typing import Any

from eth.abc import AtomicDatabaseAPI, BlockHeaderAPI
from eth.chains.base import MiningChain
from eth.consensus.noproof import NoProofConsensus
from eth.exceptions import VMError
from eth.vm.forks.london import LondonVM
from eth.vm.spoof import SpoofTransaction
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from fedmedlora.audit.chain import RevertedError

CHAIN_ID = 4077
"""As good as any: what is signed names the contract too, whose address no other chain has."""
_ADDRESS_BYTES, _COUNTED_FROM_BYTES = 20, 6
_GAS_LIMIT = 30_000_000
_FUNDS = 2**128
_BASE_FEE = 7
_NOBODY = b"\0" * 20
_ERROR = keccak(text="Error(string)")[:4]

Evm: Any = MiningChain.configure(
    "Evm",
    vm_configuration=((0, LondonVM.configure(consensus_class=NoProofConsensus)),),
    chain_id=CHAIN_ID,
)


def founding(operator: bytes) -> bytes:
    """Return what the first block of a new chain says: its operator, and a number drawn for it."""
    return operator + secrets.token_bytes(_COUNTED_FROM_BYTES)


def begun(database: AtomicDatabaseAPI, said: bytes) -> Any:  # noqa: ANN401 -- the library's
    """Return a chain that has its first block; the same that it says gives the same block."""
    operator, number = said[:_ADDRESS_BYTES], int.from_bytes(said[_ADDRESS_BYTES:])
    header = {
        "difficulty": 0,
        "gas_limit": _GAS_LIMIT,
        "timestamp": 0,
        "coinbase": _NOBODY,
        "extra_data": said,
        "nonce": b"\0" * 8,
        "mix_hash": b"\0" * 32,
        "base_fee_per_gas": _BASE_FEE,
    }
    funds = {"balance": _FUNDS, "nonce": number, "code": b"", "storage": {}}
    return Evm.from_genesis(database, header, {operator: funds})


def mined(chain: Any, raw: bytes, timestamp: int) -> Any:  # noqa: ANN401 -- the library's
    """Return what a transaction did, in a block of its own; the same gives the same rows.

    Raises:
        RevertedError: The contract refuses; the chain must be opened again.
    """
    # Left alone, the first would follow from the clock, and the second would sink to nothing.
    fixed = {"difficulty": 1, "gas_limit": _GAS_LIMIT}
    chain.header = chain.header.copy(timestamp=timestamp, **fixed)
    builder = chain.get_vm(chain.header).get_transaction_builder()
    _, _, computation = chain.apply_transaction(builder.decode(raw))
    if computation.is_error:
        raise RevertedError(reason(computation.output))
    chain.mine_block()
    return computation


def header_of(chain: Any, number: int) -> BlockHeaderAPI:  # noqa: ANN401 -- the library's
    """Return the header of a block.

    Raises:
        HeaderNotFound: There is no such block.
    """
    header: BlockHeaderAPI = chain.get_canonical_block_header_by_number(number)
    return header


def founder(first: BlockHeaderAPI) -> bytes:
    """Return the operator that a first block names."""
    return bytes(first.extra_data)[:_ADDRESS_BYTES]


def answered(chain: Any, header: BlockHeaderAPI, contract: bytes, call: bytes) -> bytes:  # noqa: ANN401
    """Return what a contract answers as of a block.

    Raises:
        RevertedError: It refuses.
    """
    unsigned = chain.create_unsigned_transaction(
        nonce=0, gas_price=0, gas=_GAS_LIMIT // 2, to=contract, value=0, data=call
    )
    asked = SpoofTransaction(unsigned, from_=_NOBODY)
    try:
        return bytes(chain.get_transaction_result(asked, header))
    except VMError as error:
        raise RevertedError(reason(bytes(error.args[0]) if error.args else b"")) from error


def reason(output: bytes) -> str:
    """Return why a contract refused, as it says it."""
    try:
        (told,) = decode(["string"], output.removeprefix(_ERROR))
    except DecodingError:
        return "no reason"
    return str(told)
