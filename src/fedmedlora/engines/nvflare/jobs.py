"""A job as NVFLARE takes it: which classes of ours, at which sites, with which settings."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.engines.nvflare.kits import Roles

# Two parts, so that no site sees the coordinator's settings.
_COORDINATOR, _SITE = "coordinator", "site"


def write_job(
    folder: Path, roles: Roles, settings: Mapping[str, Any], *, sites: Sequence[str]
) -> Path:
    """Write a job into a folder, and return the folder; it holds no code.

    Args:
        settings: Plain values, for the coordinator's role; sites do not see them.
        sites: Those that it is for; whoever is not connected when it starts is left out.
    """
    _write(folder / "meta.json", _meta(sites))
    _write(folder / _COORDINATOR / "config/config_fed_server.json", _at_server(roles, settings))
    _write(folder / _SITE / "config/config_fed_client.json", _at_site(roles))
    return folder


def _meta(sites: Sequence[str]) -> dict[str, Any]:
    return {
        "name": "run",
        "resource_spec": {},
        "min_clients": 1,
        "deploy_map": {_COORDINATOR: ["server"], _SITE: list(sites)},
    }


def _at_server(roles: Roles, settings: Mapping[str, Any]) -> dict[str, Any]:
    role = {"id": "run", "path": roles.coordinator, "args": {"settings": dict(settings)}}
    return {
        "format_version": 2,
        # So soon a site notices the end; it asks for nothing else in this way.
        "server": {"task_request_interval": 0.5},
        "workflows": [role],
        **_NOTHING_ELSE,
    }


def _at_site(roles: Roles) -> dict[str, Any]:
    role = {"tasks": ["*"], "executor": {"path": roles.site, "args": {}}}
    return {"format_version": 2, "executors": [role], **_NOTHING_ELSE}


_NOTHING_ELSE: dict[str, Any] = {
    "task_data_filters": [],
    "task_result_filters": [],
    "components": [],
}


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
