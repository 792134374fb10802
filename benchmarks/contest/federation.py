"""A federation of this engine's processes on one machine, watched."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contest.peaks import Peak, watched
from fedmedlora.engines.nvflare.coordinator import running_server
from fedmedlora.engines.nvflare.kits import Roles
from fedmedlora.engines.nvflare.processes import end, start_site
from fedmedlora.engines.nvflare.provisioning import Federation, provision
from fedmedlora.engines.nvflare.session import Server

KINDS = ("server", "job at the server", "site", "job at a site")
_MODULES = dict(
    zip(KINDS, ("server_train", "runner_process", "client_train", "worker_process"), strict=True)
)
_MEGABYTE = 1_000_000


@contextmanager
def started(
    folder: Path, names: Sequence[str], roles: Roles, furnish: Callable[[str, Path], object]
) -> Iterator[tuple[Server, dict[str, Peak]]]:
    """Give the server's session once all sites are connected, and the peak of each kind of process.

    Args:
        furnish: Called with the name and the kit of each site before it is started.
    """
    now, kits = datetime.now(UTC), folder / "kits"
    provision(
        names,
        federation=Federation("idle", "127.0.0.1", _free_port()),
        out=kits,
        roles=roles,
        now=now,
    )
    # The processes find the classes of a job there.
    here = str(Path(__file__).parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    with (
        watched(_kind) as peaks,
        running_server(kits / "coordinator", now=now) as server,
        ExitStack() as sites,
    ):
        for name in names:
            furnish(name, kits / name)
            sites.callback(end, start_site(kits / name, now=now))
        while len(server.connected()) < len(names):
            time.sleep(0.5)
        yield server, peaks


def sizes(peak: Mapping[str, Any]) -> list[str]:
    """Return in MB the most that a process of a kind held, and that beside mapped files."""
    return [f"{peak[key] / _MEGABYTE:.0f}" for key in ("bytes", "own")]


def _kind(command: str) -> str | None:
    return next((kind for kind, module in _MODULES.items() if module in command), None)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
