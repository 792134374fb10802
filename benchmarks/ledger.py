"""What a ledger costs: milliseconds an update and a seal on each chain, seconds to run it again.

Ten rounds of five sites, whose updates are signed, recorded and read back. Without coincurve
signatures are recovered in Python. A node is measured where its address is told.

python benchmarks/ledger.py [--node http://127.0.0.1:8545]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from contest.figures import machine, spread, table
from fedmedlora.audit import typed_data
from fedmedlora.audit.chains.embedded import EmbeddedChain
from fedmedlora.audit.chains.node import NodeChain
from fedmedlora.audit.chains.replay import chain_faults
from fedmedlora.audit.identity import Identity, new_identity
from fedmedlora.audit.ledger import Ledger

_ROUNDS, _SITES = 10, 5
_RUN, _START, _ENROLMENT = b"r" * 32, b"s" * 32, b"e" * 32
_PYTHON = {"ECC_BACKEND_CLASS": "eth_keys.backends.native.NativeECCBackend"}
_KINDS = {"embedded": {}, "embedded, without coincurve": _PYTHON, "node": {}}


def main() -> int:
    """Measure each kind in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--node", metavar="URL", help="an anvil, which gives the operator funds")
    parser.add_argument("--kind", choices=_KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kind:
        with tempfile.TemporaryDirectory() as folder:
            print(_measured(options.kind, Path(folder), options.node))  # noqa: T201
        return 0
    kinds = [kind for kind in _KINDS if kind != "node" or options.node]
    rows = [tuple(_apart(kind, options.node).split("|")) for kind in kinds]
    print(f"{_ROUNDS} rounds of {_SITES} sites; {machine()}\n")  # noqa: T201
    columns = ("ledger", "ms an update", "ms a seal", "all run again, s", "state")
    print(table(columns, rows), end="")  # noqa: T201
    return 0


def _apart(kind: str, node: str | None) -> str:
    command = [sys.executable, __file__, "--kind", kind]
    command += ["--node", node] if node else []
    environ = {**os.environ, **_KINDS[kind]}
    done = subprocess.run(  # noqa: S603 -- ourselves
        command, env=environ, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _measured(kind: str, folder: Path, node: str | None) -> str:
    operator, file = new_identity(), folder / "ledger.sqlite"
    if kind == "node" and node:
        funds = [f"0x{operator.address.hex()}", hex(2**100)]
        asked: Any = {"jsonrpc": "2.0", "id": 1, "method": "anvil_setBalance", "params": funds}
        requests.post(node, json=asked, timeout=5).raise_for_status()
    key = operator.chain_key
    with NodeChain(node, key) if kind == "node" and node else EmbeddedChain(file, key) as chain:
        ledger = Ledger.begin(chain, operator.public_key)
        sites = [_registered(ledger) for _ in range(_SITES)]
        updates: list[float] = []
        seals: list[float] = []
        for round_index in range(1, _ROUNDS + 1):
            updates += [1000 * _committed(ledger, site, round_index) for site in sites]
            begun = time.perf_counter()
            ledger.seal(_RUN, round_index, _digest(round_index, b""))
            seals.append(1000 * (time.perf_counter() - begun))
        state = "read back" if _is_whole(ledger, sites) else "NOT what was recorded"
    begun = time.perf_counter()
    again = "-"
    if kind != "node":
        faults = chain_faults(file)
        again = f"{time.perf_counter() - begun:.2f}, {len(faults)} faults"
    return "|".join((kind, spread(updates, 1), spread(seals, 1), again, state))


def _registered(ledger: Ledger) -> Identity:
    site = new_identity()
    said = typed_data.register(site.public_key, _ENROLMENT)
    consent = typed_data.sign(said, ledger.domain, site.chain_key)
    ledger.register(site.address, site.public_key, _ENROLMENT, consent)
    return site


def _committed(ledger: Ledger, site: Identity, round_index: int) -> float:
    begun = time.perf_counter()
    digest = _digest(round_index, site.address)
    said = typed_data.commit(_RUN, round_index, _START, digest)
    consent = typed_data.sign(said, ledger.domain, site.chain_key)
    ledger.commit(_RUN, round_index, _START, address=site.address, digest=digest, consent=consent)
    return time.perf_counter() - begun


def _is_whole(ledger: Ledger, sites: list[Identity]) -> bool:
    rounds = range(1, _ROUNDS + 1)
    return all(
        ledger.sealed(_RUN, index) == _digest(index, b"")
        and all(
            ledger.commitment(_RUN, index, one.address) == _digest(index, one.address)
            for one in sites
        )
        for index in rounds
    )


def _digest(round_index: int, part: bytes) -> bytes:
    return bytes([round_index]) + part.ljust(31, b"\0")


if __name__ == "__main__":
    sys.exit(main())
