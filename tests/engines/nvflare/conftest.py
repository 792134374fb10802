from collections.abc import Iterator

import pytest
from tests.engines.nvflare.loopback import (
    Job,
    Loopback,
    loopback,
    submit,
    wait_for_connected,
)

from fedmedlora.engines.nvflare.session import Server, open_session

SITES = ("ash", "birch", "cedar")


@pytest.fixture(scope="session")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        loopback(tmp_path_factory.mktemp("federation"), monkeypatch) as federation,
    ):
        federation.provision(*SITES)
        federation.start_server()
        federation.start(*SITES)
        yield federation


@pytest.fixture(scope="session")
def server(federation: Loopback) -> Iterator[Server]:
    with open_session(federation.folder / "coordinator", wait_s=20) as server:
        wait_for_connected(server, *SITES)
        yield server


@pytest.fixture(scope="module")
def job(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    job = submit(server, tmp_path_factory.mktemp("desk") / "desk", SITES)
    yield job
    job.end()
