"""A transaction of the operator, as bytes that any EVM chain takes."""

from eth_account import Account

_GAS = 6_000_000


def transaction(
    key: bytes, *, to: bytes | None, data: bytes, nonce: int, gas_price: int, chain_id: int
) -> bytes:
    """Return a signed transaction.

    Args:
        key: secp256k1 private key of the sender.
        to: The contract; None makes a new one of the data.
        nonce: How many the sender has sent before.
        gas_price: In wei.

    Source: EIP-155.
    """
    values = {
        "nonce": nonce,
        "gasPrice": gas_price,
        "gas": _GAS,
        "to": b"" if to is None else to,
        "value": 0,
        "data": data,
        "chainId": chain_id,
    }
    return bytes(Account.sign_transaction(values, key).raw_transaction)
