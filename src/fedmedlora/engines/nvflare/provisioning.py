"""Signed start-up kits for a federation: one for the coordinator, one for each site.

The authority stays with whoever provisions. A kit that exists is left as it is, so that a site may
join late; one that is renewed gets a new key and certificate, and keeps its `local/`.
"""

import json
import shutil
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nvflare.lighter.constants import CtxKey, ParticipantType, PropKey
from nvflare.lighter.entity import Participant, Project
from nvflare.lighter.impl.cert import CertBuilder
from nvflare.lighter.impl.static_file import StaticFileBuilder
from nvflare.lighter.impl.workspace import WorkspaceBuilder
from nvflare.lighter.provisioner import Provisioner
from nvflare.lighter.utils import Identity

from fedmedlora.engines.nvflare.certificates import Authority, issued, open_authority
from fedmedlora.engines.nvflare.kits import (
    ADMIN,
    ADMIN_NAME,
    Roles,
    permit_at_server,
    permit_at_site,
    write_kit,
)
from fedmedlora.engines.remote import machine, policy
from fedmedlora.errors import Fault, InputError
from fedmedlora.sites import is_site_name

COORDINATOR = "coordinator"
# Of NVFLARE's three the one that checks the host's name and that no half-open call can hold up.
_SCHEME = "grpc"
_RESERVED = {"authority", COORDINATOR, ADMIN, "server", "client", "relay", "all", "server_parent"}
_STARTED_BY_US = ("*.sh", "readme.txt")


@dataclass(frozen=True, slots=True)
class Federation:
    """What all kits of a federation say.

    Attributes:
        host: By which the sites reach the coordinator.
        port: The only one that must be open there, for calls from sites.
    """

    name: str
    host: str
    port: int


def provision(
    sites: Sequence[str],
    *,
    federation: Federation,
    out: Path,
    roles: Roles,
    now: datetime,
    listen: str | None = None,
    days: int = 365,
    renew: Collection[str] = (),
) -> dict[str, Path]:
    """Return what to hand over of the kits made now, by name; those that existed are not touched.

    Writes `OUT/coordinator/` (with the administrator's kit inside), `OUT/<site>/` and
    `OUT/<site>.zip` for each site, and `OUT/authority/`, which never leaves this place.

    Args:
        now: When the certificates begin.
        listen: Address of the coordinator's machine on which it listens; None is that of the host.
        days: How long they are valid; the authority itself ten times as long.
        renew: Whose certificates are made anew, too: sites, or `coordinator`.

    Raises:
        InputError: A name cannot be used, or the authority there is of another federation.
    """
    _check(sites, renew, federation=federation)
    _check_same(out, federation)
    authority = open_authority(out / "authority", name=federation.name, now=now, days=10 * days)
    wanted = [COORDINATOR, *sites]
    made = [name for name in wanted if name in renew or not (out / name / "startup").is_dir()]
    with tempfile.TemporaryDirectory(dir=out / "authority") as workshop:
        project = _project(made, federation, authority)
        kits = _built(project, Path(workshop), _Certificates(now, days))
        for name in made:
            _put(kits, out, name)
    for name in made:
        _furnish(out / name, roles, name=name, federation=federation)
        if name == COORDINATOR:
            _listen(out / name, listen or federation.host, federation.port)
            continue
        shutil.make_archive(str(out / name), "zip", out, name)
        (out / f"{name}.zip").chmod(0o600)
    return {name: out / (name if name == COORDINATOR else f"{name}.zip") for name in made}


class _Certificates(CertBuilder):
    """NVFLARE's, but for as long as we say; and nobody's key is kept but the authority's."""

    def __init__(self, now: datetime, days: int) -> None:
        super().__init__()
        self.now, self.days = now, days

    def get_pri_key_cert(self, participant: Participant) -> tuple[Any, Any]:
        role = participant.get_prop(PropKey.ROLE) if participant.type == "admin" else None
        hosts = [participant.get_default_host()] if participant.type == "server" else []
        return issued(
            Authority(self.root_cert, self.pri_key),
            Identity(participant.subject, participant.org, role),
            hosts=hosts,
            now=self.now,
            days=self.days,
        )


def _project(names: Sequence[str], federation: Federation, authority: Authority) -> Project:
    port = federation.port
    server = {"fed_learn_port": port, "admin_port": port, "default_host": federation.host}
    return Project(
        federation.name,
        "",
        [
            # The coordinator is part of each project, for the others' kits say where it is.
            Participant(ParticipantType.SERVER, COORDINATOR, "federation", server),
            Participant(ParticipantType.ADMIN, ADMIN_NAME, "federation", {"role": "project_admin"}),
            *(
                Participant(ParticipantType.CLIENT, name, "federation", {})
                for name in names
                if name != COORDINATOR
            ),
        ],
        serialized_root_cert=authority.pem,
        root_private_key=authority.key,
    )


def _built(project: Project, workshop: Path, certificates: CertBuilder) -> Path:
    builders = [
        WorkspaceBuilder(["master_template.yml"]),
        StaticFileBuilder(config_folder="config", scheme=_SCHEME),
        certificates,
    ]
    context = Provisioner(str(workshop), builders).provision(project, logger=_Silent())
    if context.get(CtxKey.BUILD_ERROR):
        found = "; ".join(context.get_errors())
        raise InputError([Fault("provisioning", found, "kits that NVFLARE can make")])
    return Path(context.get_result_location())


class _Silent:
    """Where NVFLARE's talk goes; its errors are read from the context."""

    def info(self, _: str) -> None: ...
    def debug(self, _: str) -> None: ...
    def warning(self, _: str) -> None: ...
    def error(self, _: str) -> None: ...


def _put(kits: Path, out: Path, name: str) -> None:
    """Move a kit's `startup/` into its place, and the administrator's into the coordinator's."""
    _replace(kits / name / "startup", out / name / "startup")
    if name == COORDINATOR:
        _replace(kits / ADMIN_NAME / "startup", out / name / ADMIN / "startup")
        _replace(kits / ADMIN_NAME / "local", out / name / ADMIN / "local")


def _replace(source: Path, target: Path) -> None:
    for pattern in _STARTED_BY_US:
        for needless in source.glob(pattern):
            needless.unlink()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        shutil.rmtree(target)
    shutil.move(source, target)
    target.chmod(0o700)


def _furnish(folder: Path, roles: Roles, *, name: str, federation: Federation) -> None:
    address = f"{federation.host}:{federation.port}"
    role = "coordinator" if name == COORDINATOR else "site"
    (folder / "transfer").mkdir(exist_ok=True)
    folder.chmod(0o700)
    write_kit(folder, role=role, name=name, federation=federation.name, address=address)
    if role == "coordinator":
        permit_at_server(folder, roles)
        (folder / ADMIN / "transfer").mkdir(parents=True, exist_ok=True)
        return
    (folder / "local" / "policy.example.toml").write_text(policy.EXAMPLE, encoding="utf-8")
    (folder / "local" / "machine.example.toml").write_text(machine.EXAMPLE, encoding="utf-8")
    if not (folder / "local" / "resources.json").exists():
        permit_at_site(folder, roles)


def _listen(kit: Path, host: str, port: int) -> None:
    """Name the address where the server listens; NVFLARE would write its name for it."""
    path = kit / "startup" / "fed_server.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["servers"][0]["service"]["target"] = f"{host}:{port}"
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")


def _check(sites: Sequence[str], renew: Collection[str], *, federation: Federation) -> None:
    expected = "a-z, 0-9, - and _, at most 63 of them, starting with a letter or a digit"
    faults = [
        Fault("sites", f"the name {name!r}", expected)
        for name in [*sites, federation.name]
        if not is_site_name(name)
    ]
    faults += [
        Fault("sites", f"the name {name!r}", "another: this one has a meaning of its own")
        for name in sorted({*sites} & _RESERVED)
    ]
    faults += [
        Fault("sites", f"{name!r} twice", "each site once")
        for name in sorted({name for name in sites if sites.count(name) > 1})
    ]
    faults += [
        Fault("renew", repr(name), "one of the sites, or coordinator")
        for name in sorted({*renew} - {*sites, COORDINATOR})
    ]
    if faults:
        raise InputError(faults)


def _check_same(out: Path, federation: Federation) -> None:
    """Raise unless a federation is provisioned for the first time, or again as it was."""
    facts = asdict(federation)
    path = out / "authority" / "federation.json"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(json.dumps(facts), encoding="utf-8")
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    faults = [
        Fault(str(path), f"{key} {value!r}", repr(known.get(key)), "provision into another folder")
        for key, value in facts.items()
        if value != known.get(key)
    ]
    if faults:
        raise InputError(faults)
