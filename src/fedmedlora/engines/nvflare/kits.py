"""A start-up kit: what it holds, and what it lets NVFLARE do at its place.

A kit is a folder with `startup/` (who one is, whom one calls, certificates) and `local/` (what is
permitted here). What a job asks for beyond `local/` is refused by the kit's own process.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fedmedlora.engines.nvflare.certificates import check_certificate
from fedmedlora.errors import Fault, InputError

ADMIN = "admin"
ADMIN_NAME = "admin@coordinator.local"
_OURS = "fedmedlora.engines.nvflare"
# What NVFLARE calls them.
_KINDS = {"coordinator": "server", "site": "client"}


@dataclass(frozen=True, slots=True)
class Roles:
    """Which classes of ours a job may use, by dotted path; no other class is let in.

    Attributes:
        coordinator: The controller at the server.
        site: The executor at each site.
    """

    coordinator: str
    site: str


@dataclass(frozen=True, slots=True)
class Kit:
    """What a kit says of itself.

    Attributes:
        name: Of the site; `coordinator` for the server.
        federation: Its name.
        address: Of the coordinator, as `host:port`.
        expires: When its certificate ends.
    """

    folder: Path
    name: str
    federation: str
    address: str
    expires: datetime


def open_kit(folder: Path, *, role: str, now: datetime) -> Kit:
    """Return a kit that can be started now.

    Args:
        role: `coordinator` or `site`.

    Raises:
        InputError: It is no kit of this role, or its certificate is not valid now.
    """
    facts = require_kit(folder)
    if facts["role"] != role:
        raise InputError([Fault(str(folder), f"the kit of a {facts['role']}", f"one of a {role}")])
    expires = check_certificate(folder / "startup", _KINDS[role], now=now)
    return Kit(folder, facts["name"], facts["federation"], facts["address"], expires)


def require_kit(folder: Path) -> dict[str, Any]:
    """Return what a kit says of itself, whoever's it is.

    Raises:
        InputError: It is none.
    """
    facts = _read(folder / "local" / "kit.json")
    if facts.get("role") not in _KINDS:
        advice = "name the folder that `federation provision` made, or the unpacked zip"
        raise InputError([Fault(str(folder), "no kit", "a start-up kit", advice)])
    return facts


def write_kit(folder: Path, *, role: str, name: str, federation: str, address: str) -> None:
    """Write into a kit what it says of itself."""
    facts = {"role": role, "name": name, "federation": federation, "address": address}
    _write(folder / "local" / "kit.json", facts)


def keep_in_kit(folder: Path) -> None:
    """Have the server keep all it keeps in its kit, wherever that lies now.

    NVFLARE wants absolute paths, and would otherwise write into the machine's temporary folder.
    """
    path = folder / "local" / "resources.json"
    resources = _read(path)
    storage = resources["snapshot_persistor"]["args"]["storage"]["args"]
    storage["root_dir"] = str(folder.resolve() / "snapshots")
    for component in resources["components"]:
        if component["id"] == "job_manager":
            component["args"]["uri_root"] = str(folder.resolve() / "jobs")
    _write(path, resources)


def permit_at_server(folder: Path, roles: Roles) -> None:
    """Write what the server does and permits; `keep_in_kit` says where it keeps things."""
    storage = "nvflare.app_common.storages.filesystem_storage.FilesystemStorage"
    snapshots = {"uri_root": "/"}
    persistor = "nvflare.app_common.state_persistors.storage_state_persistor"
    _write(
        folder / "local" / "resources.json",
        {
            "format_version": 2,
            **_allowed([roles.coordinator]),
            "servers": [
                {
                    "admin_storage": "transfer",
                    "max_num_clients": 10_000,
                    "heart_beat_timeout": 30,
                    "check_engine_frequency": 0.5,
                    "admin_timeout": 10.0,
                }
            ],
            "snapshot_persistor": {
                "path": f"{persistor}.StorageStatePersistor",
                "args": {"uri_root": "/", "storage": {"path": storage, "args": snapshots}},
            },
            "components": [
                _component(
                    "job_scheduler",
                    "nvflare.app_common.job_schedulers.job_scheduler.DefaultJobScheduler",
                    # One run at a time; a job that lacks a site waits for it and no longer.
                    max_jobs=1,
                    max_schedule_count=1_000_000,
                    min_schedule_interval=1.0,
                    max_schedule_interval=2.0,
                ),
                _component(
                    "job_manager",
                    "nvflare.apis.impl.job_def_manager.SimpleJobDefManager",
                    job_store_id="job_store",
                ),
                _component("job_store", storage),
                _component(
                    "process_launcher",
                    "nvflare.app_common.job_launcher.server_process_launcher"
                    ".ServerProcessJobLauncher",
                ),
                _component("one_place_each", f"{_OURS}.registration.OnePlaceEach"),
            ],
        },
    )
    _permit_people(folder)
    _log_quietly(folder)


def permit_at_site(folder: Path, roles: Roles) -> None:
    """Write what a site does and permits: our one class, no job's code, no shell, no logs out."""
    managers = "nvflare.app_common.resource_managers.passthrough_resource_manager"
    consumers = "nvflare.app_common.resource_consumers.passthrough_resource_consumer"
    _write(
        folder / "local" / "resources.json",
        {
            "format_version": 2,
            **_allowed([roles.site]),
            "allow_log_streaming": False,
            # Seconds; a sign that got lost is soon sent again.
            "client": {"retry_timeout": 30, "maint_msg_timeout": 5.0},
            "components": [
                _component("resource_manager", f"{managers}.PassthroughResourceManager"),
                _component("resource_consumer", f"{consumers}.PassthroughResourceConsumer"),
                _component("process_launcher", f"{_OURS}.launching.SiteLauncher"),
                _component("say_place", f"{_OURS}.registration.SayPlace"),
            ],
        },
    )
    _permit_people(folder)
    _log_quietly(folder)


def _allowed(classes: list[str]) -> dict[str, Any]:
    return {"class_list_enforcement_mode": "enforce", "class_allow_list": classes}


def _component(name: str, path: str, **arguments: object) -> dict[str, Any]:
    return {"id": name, "path": path, "args": arguments}


def _permit_people(folder: Path) -> None:
    rights = {
        "submit_job": "any",
        "manage_job": "any",
        "view": "any",
        "operate": "any",
        "clone_job": "none",
        "download_job": "none",
        "shell_commands": "none",
        "byoc": "none",
        "server-predeployed-flwr": "none",
    }
    people = {"format_version": "1.0", "permissions": {"project_admin": rights}}
    _write(folder / "local" / "authorization.json", people)


def _log_quietly(folder: Path) -> None:
    _write(
        folder / "local" / "log_config.json",
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
            "handlers": {
                "file": {
                    "class": "logging.handlers.RotatingFileHandler",
                    "formatter": "line",
                    "filename": "log.txt",
                    "maxBytes": 10_000_000,
                    "backupCount": 3,
                }
            },
            "loggers": {
                "root": {"level": "WARNING", "handlers": ["file"]},
                # It warns every few seconds of a site that is gone; we say so once.
                "nvflare": {"level": "ERROR"},
                "fedmedlora": {"level": "INFO"},
            },
        },
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
