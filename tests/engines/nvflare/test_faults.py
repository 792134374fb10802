"""Processes that die, come back, are not known, or are there twice."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.engines.nvflare.loopback import (
    Job,
    Loopback,
    submit,
    until,
)

from fedmedlora.engines.nvflare.session import Server

pytestmark = pytest.mark.loopback

ALL = ("ash", "birch", "cedar")


def test_nobody_is_called_but_the_coordinator(federation: Loopback, job: Job) -> None:
    job.ask({"ash": {}, "birch": {}})

    here = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    # Another test may have started and ended some of its own.
    running = [each.pid for each in federation.processes.values() if each.poll() is None]
    found = [one for pid in running for one in _connections(pid)]
    assert len(found) >= len(running) >= len(ALL)
    assert {end.ip for one in found for end in (one.laddr, one.raddr) if end} <= here
    # NVFLARE asks the system which address of its own it would call this one from; nothing is sent.
    own = {"socket.connect 10.255.255.255"}
    called = set((federation.folder / "calls").read_text().splitlines())
    assert {call.split()[1] for call in called - own} <= {"127.0.0.1", "localhost"}


def _connections(pid: int) -> list[Any]:
    found = []
    for each in [psutil.Process(pid), *psutil.Process(pid).children()]:
        # The process of a job before may end meanwhile.
        with suppress(psutil.NoSuchProcess):
            found += each.net_connections("inet")
    return found


def test_a_site_killed_in_mid_question_is_noticed_and_taken_into_the_next_job(
    federation: Loopback, server: Server, job: Job, tmp_path: Path
) -> None:
    ordered = job.order({"ash": {"subject": "sleep", "body": {"s": 30}}, "birch": {}})
    until((federation.folder / "ash" / "busy").exists, what="ash to be busy")
    federation.kill("ash")
    told = job.told(ordered)

    assert told["ash"]["failure"] == "ash: found no sign of it for 3 s, expected an answer"
    assert told["ash"]["after_s"] < 8
    assert told["birch"]["after_s"] < 2
    assert "body" in job.ask({"birch": {}})["birch"]

    federation.start("ash")
    until(lambda: server.left_out(job.id) == {"ash"}, what="ash to be back, and left out")
    assert job.ask({"ash": {}})["ash"]["failure"].startswith("ash: found not in reach")

    job.end()
    until(lambda: server.standing(job.id).state == "ended", what="the job's end")
    following = submit(server, tmp_path / "desk", ALL)
    assert server.left_out(following.id) == set()
    assert "body" in following.ask({"ash": {}})["ash"]
    following.end()
