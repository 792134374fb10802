"""What holds for every test: no network, no model hub, the same random examples each time."""

import os
import socket
from typing import Any

import pytest
from hypothesis import settings

# Read once, when the hub's library is first imported: so before any test module is.
os.environ["HF_HUB_OFFLINE"] = "1"
# The same for torch: threads that wait in a busy loop hold up one another on a shared machine.
os.environ["GOMP_SPINCOUNT"] = "20000"

# A red test must be red again for the next person; fresh examples are for `make check-full`.
settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile("same")

_connect = socket.socket.connect


def _connect_here_only(self: socket.socket, address: Any) -> None:  # noqa: ANN401
    if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
        pytest.fail(f"test reached for {address[0]}:{address[1]}; mark it with `network`")
    _connect(self, address)


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "network" not in request.keywords:
        monkeypatch.setattr(socket.socket, "connect", _connect_here_only)
