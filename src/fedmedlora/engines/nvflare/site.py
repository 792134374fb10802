"""A site of a federation: its kit, the folder of its notes, and what it permits."""

import json
import os
from datetime import datetime
from pathlib import Path

from fedmedlora.durable_files import write_whole
from fedmedlora.engines.nvflare.kits import open_kit
from fedmedlora.engines.remote.audited import Signing
from fedmedlora.engines.remote.machine import read_machine
from fedmedlora.engines.remote.policy import Policy, read_policy
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.site_folder import read_own_site

_LOCAL = "local"
_NOTES = "notes.json"
_STORE = "store"
_IDENTITY = "identity.json"


def place_notes(kit: Path, data: Path, *, now: datetime) -> Policy:
    """Note in a site's kit where its notes lie; return what the site permits.

    Raises:
        InputError: The kit is not a site's or no longer valid, something is wrong with the notes or
            the policy or the machine's settings, or the notes are another site's.
    """
    facts = open_kit(kit, role="site", now=now)
    policy = read_policy(kit / _LOCAL)
    read_machine(kit / _LOCAL)
    read_own_site(data, facts.name)
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
        local=local,
        signing=_signing(name, kit),
    )


def identity_in(kit: Path) -> Path | None:
    """Return where the keys of a kit lie, None where it has none."""
    path = kit / _LOCAL / _IDENTITY
    return path if path.exists() else None


def unlock(kit: Path, descriptor: int | None, *, needed: bool) -> None:
    """Let the processes of a kit find the passphrase of its keys; do nothing where it has none.

    Args:
        descriptor: A file that is open for reading and holds it; None asks elsewhere.
        needed: Whether there must be keys.

    Raises:
        InputError: They are needed, and there are none.
        IdentityError: Nobody gives the passphrase, or it is another.
    """
    path = identity_in(kit)
    if path is None:
        if needed:
            expected, advice = "an identity, for [audit]", "make one with `identity create`"
            raise InputError([Fault(f"{kit}/{_LOCAL}/{_IDENTITY}", "nothing", expected, advice)])
        return
    # Only who signs needs its packages.
    from fedmedlora.audit.identity import open_identities  # noqa: PLC0415
    from fedmedlora.audit.passphrases import hand_on, passphrase  # noqa: PLC0415

    secret = passphrase(os.environ, descriptor=descriptor)
    open_identities(path, secret)
    hand_on(secret, os.environ)


def _signing(name: str, kit: Path) -> Signing | None:
    path = identity_in(kit)
    if path is None:
        return None
    # Only who signs needs its packages.
    from fedmedlora.audit.identity import open_identities  # noqa: PLC0415
    from fedmedlora.audit.passphrases import passphrase  # noqa: PLC0415
    from fedmedlora.engines.remote.attesting import SigningHere  # noqa: PLC0415

    identity, *former = open_identities(path, passphrase(os.environ))
    return SigningHere(name, identity, kit / _STORE / "heads", former)
