"""The processes of a federation: the coordinator's server, and one at each site."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from fedmedlora.engines.nvflare.kits import open_kit

_SERVER = "nvflare.private.fed.app.server.server_train"
_SITE = "nvflare.private.fed.app.client.client_train"


def start_server(kit: Path, *, now: datetime) -> subprocess.Popen[bytes]:
    """Return the started server; what it says goes into the kit's log.

    Raises:
        InputError: The kit is not the coordinator's, or its certificate is not valid now.
    """
    open_kit(kit, role="server", now=now)
    return _started(kit, _SERVER, "fed_server.json", [])


def start_site(kit: Path, *, now: datetime) -> subprocess.Popen[bytes]:
    """Return the started site, which calls the coordinator until it is reached.

    Raises:
        InputError: The kit is not a site's, or its certificate is not valid now.
    """
    facts = open_kit(kit, role="client", now=now)
    return _started(
        kit, _SITE, "fed_client.json", [f"uid={facts.name}", "heart_beat_interval=5.0"]
    )


def _started(kit: Path, module: str, config: str, extra: list[str]) -> subprocess.Popen[bytes]:
    settings = ["secure_train=true", "org=federation", "config_folder=config", *extra]
    command = [sys.executable, "-m", module, "-m", str(kit), "-s", config, "--set", *settings]
    with (kit / "process.txt").open("ab") as said:
        # A group of its own, so that it ends with the processes of its jobs.
        return subprocess.Popen(  # noqa: S603 -- our own command
            command,
            cwd=kit,
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
