"""Who is not let in, or is let in no more; and a coordinator that dies and comes back."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.engines.nvflare.loopback import (
    Loopback,
    free_port,
    until,
    wait_for_connected,
)

from fedmedlora.engines.nvflare.kits import open_kit
from fedmedlora.engines.nvflare.processes import check_let_in, start_server, start_site
from fedmedlora.engines.nvflare.reach import check_reach
from fedmedlora.engines.nvflare.session import Server
from fedmedlora.errors import EngineError, InputError

pytestmark = pytest.mark.loopback


def now() -> datetime:
    return datetime.now(UTC)


def test_a_kit_of_another_authority_is_refused(federation: Loopback, tmp_path: Path) -> None:
    Loopback(tmp_path, federation.port).provision("ash")

    # Both ends refuse: the site first, for the server is not of its authority.
    with pytest.raises(InputError, match="found a server whose certificate is not accepted"):
        start_site(tmp_path / "ash", now=now())
    shutil.copy(federation.folder / "ash/startup/rootCA.pem", tmp_path / "ash/startup")
    with pytest.raises(InputError, match="found a certificate of another authority"):
        start_site(tmp_path / "ash", now=now())


def test_the_coordinator_refuses_a_certificate_of_another_authority(
    federation: Loopback, tmp_path: Path
) -> None:
    Loopback(tmp_path, federation.port).provision("ash")
    kit = open_kit(tmp_path / "ash", role="site", now=now())
    shutil.copy(federation.folder / "ash/startup/rootCA.pem", tmp_path / "ash/startup")

    with pytest.raises(InputError, match="found that the coordinator does not accept it"):
        check_reach(kit, wait_s=5)


def test_an_excluded_site_is_let_in_no_more_until_it_is_readmitted(
    federation: Loopback, server: Server
) -> None:
    server.exclude("cedar")
    until(lambda: "cedar" not in server.connected(), what="cedar to be out")
    federation.kill("cedar")
    federation.start("cedar")
    cedar = federation.processes["cedar"]
    until(lambda: cedar.poll() is not None, what="cedar to be turned away")
    with pytest.raises(EngineError, match="found that the coordinator turned this site away"):
        check_let_in(federation.folder / "cedar", cedar)

    server.readmit("cedar")
    federation.start("cedar")
    wait_for_connected(server, "cedar")


def test_a_kit_is_not_started_twice(federation: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedmedlora.engines.nvflare.processes._WAIT_FOR_THE_LAST_S", 0.2)

    with pytest.raises(InputError, match="ash: found a process that runs from it, expected none"):
        start_site(federation.folder / "ash", now=now())


def test_a_second_site_of_one_name_is_turned_away(
    federation: Loopback, server: Server, tmp_path: Path
) -> None:
    assert "ash" in server.connected()
    for part in ("startup", "local", "transfer"):
        shutil.copytree(federation.folder / "ash" / part, tmp_path / "ash" / part)
    federation.processes["second"] = second = start_site(tmp_path / "ash", now=now())
    until(lambda: second.poll() is not None, what="the second to end")

    with pytest.raises(EngineError, match="found that the coordinator turned this site away"):
        check_let_in(tmp_path / "ash", second)
    check_let_in(federation.folder / "ash", federation.processes["ash"])
    log = (federation.folder / "coordinator/log.txt").read_text()
    assert "ash: found a second site of this name, expected one" in log


def test_an_expired_kit_is_told_before_anything_starts(tmp_path: Path) -> None:
    long_ago = now() - timedelta(days=40)
    Loopback(tmp_path, free_port()).provision("ash", days=30, now=long_ago)

    with pytest.raises(InputError, match=r"client.crt: found a certificate that expired on 20"):
        start_site(tmp_path / "ash", now=now())
    with pytest.raises(InputError, match=r"server.crt: found a certificate that expired on 20"):
        start_server(tmp_path / "coordinator", now=now())
    with pytest.raises(InputError, match="check this machine's clock"):
        start_site(tmp_path / "ash", now=long_ago - timedelta(days=1))


def test_a_coordinator_that_is_not_there_is_told(tmp_path: Path) -> None:
    Loopback(tmp_path, free_port()).provision("ash")

    with pytest.raises(EngineError, match="ash: found no coordinator at 127"):
        start_site(tmp_path / "ash", now=now())
