"""The processes of a federation: the coordinator's server, and one at each site."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from fedmedlora.engines.nvflare.kits import keep_in_kit, open_kit
from fedmedlora.engines.nvflare.reach import check_reach
from fedmedlora.engines.nvflare.runs import runs_of
from fedmedlora.errors import EngineError, Fault, InputError

_GROUP = "process.pid"
_SERVER = "nvflare.private.fed.app.server.server_train"
_SITE = "nvflare.private.fed.app.client.client_train"
_JOB = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The process of a job may outlive a killed parent for a moment.
_WAIT_FOR_THE_LAST_S = 5.0


def start_server(kit: Path, *, now: datetime) -> subprocess.Popen[bytes]:
    """Return the started server; what it says goes into the kit's log.

    Raises:
        InputError: The kit is not the coordinator's, its certificate is not valid now, or a server
            runs from it already.
    """
    open_kit(kit, role="coordinator", now=now)
    with _locked(kit) as lock:
        keep_in_kit(kit)
        _clear(kit)
        _forget_jobs(kit)
        return _started(kit, lock, _SERVER, "fed_server.json", [])


def start_site(kit: Path, *, now: datetime, wait_s: float = 10.0) -> subprocess.Popen[bytes]:
    """Return the started site, which stays and takes part in each job that asks for it.

    Raises:
        InputError: The kit is not a site's, its certificate is not valid now, the coordinator does
            not know it, or the site runs from it already.
        EngineError: The coordinator cannot be reached now; trying again may help.
    """
    facts = open_kit(kit, role="site", now=now)
    check_reach(facts, wait_s=wait_s)
    with _locked(kit) as lock:
        _forget_jobs(kit)
        who = [f"uid={facts.name}", "heart_beat_interval=5.0"]
        return _started(kit, lock, _SITE, "fed_client.json", who)


def check_let_in(kit: Path, process: subprocess.Popen[bytes]) -> None:
    """Return if a site's process still runs.

    Raises:
        EngineError: It has ended; why, as far as its log tells.
    """
    if process.poll() is None:
        return
    log = kit / "log.txt"
    told = log.read_text("utf-8", errors="replace")[-10_000:] if log.exists() else ""
    if "registration rejected" in told:
        raise EngineError(
            f"{kit}: found that the coordinator turned this site away, expected to be let in; a "
            "site of this name may run elsewhere, or be excluded: ask whoever coordinates"
        )
    raise EngineError(f"{kit}: found that the site's process ended, expected it to run; see {log}")


def end(process: subprocess.Popen[bytes], *, wait_s: float = 10.0) -> None:
    """End a server or a site with the processes of its jobs, and return when they have ended."""
    if process.poll() is None:
        process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(wait_s)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _started(
    kit: Path, lock: BinaryIO, module: str, config: str, extra: list[str]
) -> subprocess.Popen[bytes]:
    place = str(kit.resolve())
    settings = ["secure_train=true", "org=federation", "config_folder=config", *extra]
    command = [sys.executable, "-m", module, "-m", place, "-s", config, "--set", *settings]
    with (kit / "process.txt").open("ab") as said:
        # A group of its own, so that it ends with the processes of its jobs.
        process = subprocess.Popen(  # noqa: S603 -- our own command
            command,
            cwd=place,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # The lock is held until the last process has ended, however it ends.
            pass_fds=(lock.fileno(),),
        )
    (kit / _GROUP).write_text(f"{process.pid}")
    return process


def is_running(kit: Path) -> bool:
    """Return whether a process that was started from a kit has not ended."""
    with (kit / "running.lock").open("ab") as lock:
        return not _lock(lock)


def group_of(kit: Path) -> int:
    """Return the group of the processes that were started last from a kit."""
    return int((kit / _GROUP).read_text())


def _clear(kit: Path) -> None:
    """Forget the jobs of a server that is no more: NVFLARE would call them running for ever."""
    for folder in ("jobs", "snapshots"):
        shutil.rmtree(kit / folder, ignore_errors=True)
    for run in runs_of(kit):
        run.abandon(
            "coordinator: found that the server ended in the middle of the job, expected it to "
            "go on; open the next one"
        )


def _forget_jobs(kit: Path) -> None:
    """Remove what NVFLARE leaves of each job: its settings, which lie in the run too, and a log."""
    for folder in kit.iterdir():
        if folder.is_dir() and _JOB.fullmatch(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(kit: Path) -> Iterator[BinaryIO]:
    deadline = time.monotonic() + _WAIT_FOR_THE_LAST_S
    with (kit / "running.lock").open("ab") as lock:
        while not _lock(lock):
            if time.monotonic() > deadline:
                fault = Fault(str(kit), "a process that runs from it", "none", "end that one first")
                raise InputError([fault])
            time.sleep(0.1)
        yield lock


def _lock(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _environment() -> dict[str, str]:
    """Return ours; NVFLARE is to keep words out of its logs, and not to wait for the dead."""
    return {
        **os.environ,
        # Many threads that each hold some memory would hold twice as much.
        "MALLOC_ARENA_MAX": "2",
        # For each message of its own NVFLARE holds a buffer of this size, by default eight times as
        # much, until the collector of cycles comes by.
        "NVFLARE_STREAMING_CHUNK_SIZE": f"{2**17}",
        "NVFLARE_SECURE_LOGGING": "true",
        "NVFLARE_CLIENT_OUTCOME_WAIT_TIMEOUT": "10",
    }
