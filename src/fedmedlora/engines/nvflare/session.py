"""What whoever coordinates asks of the running server: who is there, and to run a job."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nvflare.fuel.flare_api.flare_api import Session, new_secure_session

from fedmedlora.engines.nvflare.kits import ADMIN, ADMIN_NAME, Roles
from fedmedlora.errors import EngineError


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, as its administrator sees it."""

    session: Session

    def connected(self) -> dict[str, float]:
        """Return when each connected site was last heard, in seconds since the epoch."""
        clients = self.session.get_connected_client_list()
        return {each.name: float(each.last_connect_time) for each in clients}

    def submit(self, roles: Roles, settings: Mapping[str, Any], *, sites: Sequence[str]) -> str:
        """Return the id of a new job for the sites named."""
        with tempfile.TemporaryDirectory() as folder:
            _write_job(Path(folder) / "job", roles, settings, sites)
            job: str = self.session.submit_job(str(Path(folder) / "job"))
        return job

    def status(self, job: str) -> str:
        return str(self.session.get_job_meta(job)["status"])


@contextmanager
def open_session(kit: Path, *, wait_s: float) -> Iterator[Server]:
    """Speak to the server as its administrator.

    Raises:
        EngineError: It cannot be reached.
    """
    try:
        session = new_secure_session(ADMIN_NAME, str(kit / ADMIN), timeout=wait_s)
    except Exception as error:
        raise EngineError(f"{kit}: found no running server, expected one; start it") from error
    try:
        yield Server(session)
    finally:
        # An open one keeps Python from ending.
        session.close()


def _write_job(
    folder: Path, roles: Roles, settings: Mapping[str, Any], sites: Sequence[str]
) -> None:
    server = {
        "format_version": 2,
        "server": {"heart_beat_timeout": 600},
        "task_data_filters": [],
        "task_result_filters": [],
        "components": [],
        "workflows": [
            {"id": "run", "path": roles.coordinator, "args": {"settings": dict(settings)}}
        ],
    }
    site = {
        "format_version": 2,
        "executors": [{"tasks": ["*"], "executor": {"path": roles.site, "args": {}}}],
        "task_data_filters": [],
        "task_result_filters": [],
        "components": [],
    }
    meta = {
        "name": "run",
        "resource_spec": {},
        "min_clients": 1,
        "deploy_map": {"app": ["server", *sites]},
    }
    config = folder / "app" / "config"
    config.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    (config / "config_fed_server.json").write_text(json.dumps(server), encoding="utf-8")
    (config / "config_fed_client.json").write_text(json.dumps(site), encoding="utf-8")
