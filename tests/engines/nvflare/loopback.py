"""A federation of real processes on this machine, and a desk where a test says what is asked."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.engines.nvflare.kits import Roles
from fedmedlora.engines.nvflare.processes import end, start_server, start_site
from fedmedlora.engines.nvflare.provisioning import Federation, provision
from fedmedlora.engines.nvflare.runs import Run
from fedmedlora.engines.nvflare.session import Server
from fedmedlora.errors import EngineError

ROLES = Roles("echoing.Lead", "echoing.EchoSite")
# Other tests, and whatever else runs on the machine, may take most of it.
PATIENCE_S = 150.0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def until(true: Callable[[], Any], *, what: str, patience_s: float = PATIENCE_S) -> Any:  # noqa: ANN401
    deadline = time.monotonic() + patience_s
    while not (found := true()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {patience_s:g} s for {what}")
        time.sleep(0.05)
    return found


@dataclass
class Loopback:
    folder: Path
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    num_jobs: int = 0

    def provision(
        self, *sites: str, days: int = 30, now: datetime | None = None, roles: Roles = ROLES
    ) -> None:
        provision(
            sites,
            federation=Federation("loopback", "127.0.0.1", self.port),
            out=self.folder,
            roles=roles,
            now=now or datetime.now(UTC),
            days=days,
        )

    def start_server(self) -> None:
        kit = self.folder / "coordinator"
        self.processes["coordinator"] = start_server(kit, now=datetime.now(UTC))
        until(lambda: _listens(self.port), what="the server")

    def start(self, *sites: str) -> None:
        for site in sites:
            kit = self.folder / site
            self.processes[site] = start_site(kit, now=datetime.now(UTC))

    def runs(self, name: str) -> bool:
        return name in self.processes and self.processes[name].poll() is None

    def kill(self, name: str) -> None:
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()

    def end_all(self) -> None:
        for process in self.processes.values():
            end(process, wait_s=0)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def loopback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A federation that is not there afterwards, whatever happens."""
    here = Path(__file__).parent
    paths = [str(here), str(here / "overheard"), str(here.parents[2])]
    paths += [os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("FEDMEDLORA_TEST_CALLS", str(folder / "calls"))
    # It asks the system by a socket that would be taken for a call; nothing is ever sent.
    monkeypatch.setattr("nvflare.private.fed.authenticator._get_client_ip", lambda: "127.0.0.1")
    federation = Loopback(folder, free_port())
    try:
        yield federation
    finally:
        federation.end_all()


@dataclass
class Job:
    """A job that asks what a test wants asked."""

    server: Server
    id: str
    desk: Path
    num_asked: int = 0

    def ready(self) -> set[str]:
        try:
            return set(json.loads((self.desk / "ready.json").read_bytes()))
        except FileNotFoundError:
            return set()

    def wait_for(self, *sites: str) -> None:
        until(lambda: self.ready() == set(sites), what=f"{sites} to be ready")

    def order(
        self,
        questions: dict[str, dict[str, Any]],
        *,
        wait_s: float = 20.0,
        most_bytes: int = 50_000_000,
        grace: tuple[int, float] | None = None,
        patience_s: float = 0.0,
    ) -> Path:
        order = {
            "questions": {
                site: {"subject": "echo", "body": {}, "files": {}, **each}
                for site, each in questions.items()
            },
            "wait_s": wait_s,
            "most_bytes": most_bytes,
            "grace": grace,
            "patience_s": patience_s,
        }
        path = self.desk / f"{self.num_asked}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(order))
        part.rename(path)
        self.num_asked += 1
        return path.with_suffix(".told.json")

    def told(self, ordered: Path) -> dict[str, Any]:
        until(ordered.exists, what="answers")
        told: dict[str, Any] = json.loads(ordered.read_bytes())
        return told

    def ask(self, questions: dict[str, dict[str, Any]], **limits: Any) -> dict[str, Any]:  # noqa: ANN401
        return self.told(self.order(questions, **limits))

    def end(self) -> None:
        """Have it end; the next one waits for that by itself."""
        Run(self.server.kit, self.id).ask_to_end()


def submit(server: Server, desk: Path, sites: Sequence[str]) -> Job:
    """Return a job that every one of the sites is ready for."""
    desk.mkdir()
    job = Job(server, server.submit(ROLES, {"desk": str(desk)}, sites=sites), desk)
    try:
        job.wait_for(*sites)
    except BaseException as failure:
        failure.add_note(f"ready: {sorted(job.ready())}; {server.standing(job.id)}")
        # The next job would wait for this one.
        with suppress(EngineError):
            server.stop(job.id)
        raise
    return job


def wait_for_connected(server: Server, *sites: str) -> None:
    until(lambda: set(sites) <= set(server.connected()), what=f"{sites} to be connected")
