"""The coordinator's own end: how jobs end, who is let into them, and what a kill leaves."""

import re
from pathlib import Path

import pytest
from tests.engines.nvflare.loopback import (
    ROLES,
    Loopback,
    loopback,
    submit,
    until,
    wait_for_connected,
)

from fedmedlora.engines.nvflare.jobs import write_job
from fedmedlora.engines.nvflare.kits import Roles
from fedmedlora.engines.nvflare.session import Server, open_session
from fedmedlora.errors import EngineError

pytestmark = pytest.mark.loopback

FULL = (
    "coordinator: found 'File too large' on reading or writing a file, expected room and "
    "permission; look at its disks, then start again"
)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [("fail", "coordinator: found trouble, expected none"), ("full", FULL)],
)
def test_a_failed_job_says_why(server: Server, tmp_path: Path, trouble: str, reason: str) -> None:
    job = submit(server, tmp_path / "desk", ["ash", "birch", "cedar"])
    (job.desk / trouble).touch()

    until(lambda: server.standing(job.id).state == "failed", what="the job to fail")
    assert server.standing(job.id).reason == reason


def test_a_site_lets_no_class_in_but_ours(
    federation: Loopback, server: Server, tmp_path: Path
) -> None:
    trainer = "nvflare.app_common.np.np_trainer.NPTrainer"
    (tmp_path / "desk").mkdir()
    job = server.submit(
        Roles("echoing.Lead", trainer), {"desk": str(tmp_path / "desk")}, sites=["ash"]
    )

    log = federation.folder / "ash" / job / "log.txt"
    try:
        # Its words are kept out of the log, as all of NVFLARE's are.
        told = lambda: log.exists() and "ComponentNotAuthorized" in log.read_text()  # noqa: E731
        until(told, what="ash to refuse")
    finally:
        server.stop(job)


def test_a_job_with_code_is_refused(server: Server, tmp_path: Path) -> None:
    job = write_job(tmp_path / "job", ROLES, {"desk": ""}, sites=["ash"])
    (job / "site" / "custom").mkdir()
    (job / "site" / "custom" / "code.py").write_text("")

    id_ = server.session.submit_job(str(job))

    until(lambda: server.standing(id_).state == "failed", what="the job to be refused")
    reason = server.standing(id_).reason
    assert re.search(r"FINISHED:FAILED_TO_RUN \(ash: .*BYOC not permitted", reason)


def test_a_killed_coordinator_finds_its_sites_again(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, loopback(tmp_path / "fed", patch) as federation:
        federation.folder.mkdir()
        federation.provision("ash")
        federation.start_server()
        federation.start("ash")
        with open_session(federation.folder / "coordinator", wait_s=20) as server:
            wait_for_connected(server, "ash")
            lost = submit(server, tmp_path / "lost", ["ash"]).id
            federation.kill("coordinator")
            with pytest.raises(EngineError, match="found that the server does not answer"):
                server.connected()
        federation.start_server()

        with open_session(federation.folder / "coordinator", wait_s=20) as server:
            wait_for_connected(server, "ash")
            assert "found that the server ended in the middle" in server.standing(lost).reason
            job = submit(server, tmp_path / "next", ["ash"])
            assert "body" in job.ask({"ash": {}})["ash"]
