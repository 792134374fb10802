"""A site of a federation: its kit, the folder of its notes, and what it permits."""

import json
from datetime import datetime
from pathlib import Path

from fedmedlora.durable_files import write_whole
from fedmedlora.engines.nvflare.kits import open_kit
from fedmedlora.engines.remote.machine import read_machine
from fedmedlora.engines.remote.policy import Policy, read_policy
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.site_folder import read_site

_LOCAL = "local"
_NOTES = "notes.json"
_STORE = "store"


def place_notes(kit: Path, data: Path, *, now: datetime) -> Policy:
    """Note in a site's kit where its notes lie; return what the site permits.

    Raises:
        InputError: The kit is not a site's or no longer valid, something is wrong with the notes or
            the policy or the machine's settings, or the notes are another site's.
    """
    facts = open_kit(kit, role="site", now=now)
    policy = read_policy(kit / _LOCAL)
    read_machine(kit / _LOCAL)
    site = read_site(data)
    if site.name != facts.name:
        expected = f"{facts.name!r}, as the start-up kit says"
        raise InputError([Fault(f"{data}/site.json: site", repr(site.name), expected)])
    told = json.dumps({"data": str(data.resolve())}).encode()
    write_whole(kit / _LOCAL / _NOTES, told)
    return policy


def open_service(kit: Path) -> SiteService:
    """Return what answers for the site of a kit.

    Raises:
        InputError: The policy or the machine's settings are wrong.
    """
    local = kit / _LOCAL
    name = json.loads((local / "kit.json").read_text(encoding="utf-8"))["name"]
    data = Path(json.loads((local / _NOTES).read_text(encoding="utf-8"))["data"])
    return SiteService(
        name,
        data=data,
        store=kit / _STORE,
        policy=read_policy(local),
        machine=read_machine(local),
    )
