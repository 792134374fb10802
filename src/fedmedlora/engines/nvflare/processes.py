"""The processes of a federation: the coordinator's server, and one at each site."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from fedmedlora.engines.nvflare.kits import keep_in_kit, open_kit
from fedmedlora.engines.nvflare.reach import check_reach

_SERVER = "nvflare.private.fed.app.server.server_train"
_SITE = "nvflare.private.fed.app.client.client_train"


def start_server(kit: Path, *, now: datetime) -> subprocess.Popen[bytes]:
    """Return the started server; what it says goes into the kit's log.

    Raises:
        InputError: The kit is not the coordinator's, or its certificate is not valid now.
    """
    open_kit(kit, role="server", now=now)
    keep_in_kit(kit)
    return _started(kit, _SERVER, "fed_server.json", [])


def start_site(kit: Path, *, now: datetime, wait_s: float = 10.0) -> subprocess.Popen[bytes]:
    """Return the started site, which stays and takes part in each job that asks for it.

    Raises:
        InputError: The kit is not a site's, its certificate is not valid now, or the coordinator
            does not know it.
        EngineError: The coordinator cannot be reached now; trying again may help.
    """
    facts = open_kit(kit, role="client", now=now)
    check_reach(facts, wait_s=wait_s)
    return _started(kit, _SITE, "fed_client.json", [f"uid={facts.name}", "heart_beat_interval=5.0"])


def end(process: subprocess.Popen[bytes], *, wait_s: float = 10.0) -> None:
    """End a server or a site with the processes of its jobs, and return when they have ended."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _started(kit: Path, module: str, config: str, extra: list[str]) -> subprocess.Popen[bytes]:
    place = str(kit.resolve())
    settings = ["secure_train=true", "org=federation", "config_folder=config", *extra]
    command = [sys.executable, "-m", module, "-m", place, "-s", config, "--set", *settings]
    with (kit / "process.txt").open("ab") as said:
        # A group of its own, so that it ends with the processes of its jobs.
        return subprocess.Popen(  # noqa: S603 -- our own command
            command,
            cwd=place,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _environment() -> dict[str, str]:
    """Return ours, with NVFLARE told to keep words out of its logs, and not to wait for the dead."""
    return {
        **os.environ,
        "NVFLARE_SECURE_LOGGING": "true",
        "NVFLARE_CLIENT_OUTCOME_WAIT_TIMEOUT": "10",
    }
