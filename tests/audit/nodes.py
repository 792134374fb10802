"""A real JSON-RPC node of this machine, started by its own binary."""

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parents[2] / ".anvil"
_START_S = 30.0


@contextmanager
def anvil(folder: Path) -> Iterator[str]:
    """Yield the address of a node that ends with the block."""
    # The program that npm links to is a wrapper; ended, it would leave the node behind.
    found = sorted(_FOLDER.glob("node_modules/@foundry-rs/anvil-*/bin/anvil"))
    if not found:
        pytest.skip("no node; `make .anvil/ready` installs one with npm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(found[0]), "--host", "127.0.0.1", "--port", f"{port}", "--silent"]
    with (folder / "anvil.log").open("wb") as log:
        node = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url)
        yield url
    finally:
        node.kill()
        node.wait()


def fund(url: str, address: bytes) -> None:
    """Give an address of the node something to pay with."""
    ask(url, "anvil_setBalance", f"0x{address.hex()}", hex(2**100))


def ask(url: str, method: str, *parameters: object) -> object:
    """Return what a node answers."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    request = urllib.request.Request(  # noqa: S310 -- a node of this machine
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as reply:  # noqa: S310 -- as above
        answer: object = json.load(reply)["result"]
    return answer


def _wait_for(url: str) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            ask(url, "eth_chainId")
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
