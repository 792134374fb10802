"""Where the passphrase of an identity comes from, so that a site can be started unattended.

An open file descriptor, or a credential of systemd (LoadCredential=fedmedlora-passphrase:...), or
whoever sits at the terminal; never an argument or a variable, which others on the machine can read.
Processes that this one starts find it in its memory, as long as it lives.
"""

import getpass
import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from fedmedlora.errors import IdentityError

CREDENTIAL = "fedmedlora-passphrase"
_FOLDER = "CREDENTIALS_DIRECTORY"
_HANDED_ON = "FEDMEDLORA_PASSPHRASE_FILE"


def passphrase(environ: Mapping[str, str], *, descriptor: int | None = None) -> bytes:
    """Return the passphrase that somebody gives.

    Args:
        environ: The environment's variables, of which systemd sets one.
        descriptor: A file that is open for reading; a line break at its end does not count.

    Raises:
        IdentityError: Nobody gives one, or an empty one.
    """
    given = _given(environ, descriptor).removesuffix(b"\n")
    if not given:
        raise IdentityError(
            "passphrase: found nothing, expected one or more characters; give it by "
            f"--passphrase-fd, as the systemd credential {CREDENTIAL}, or at a terminal"
        )
    return given


def hand_on(secret: bytes, environ: MutableMapping[str, str]) -> None:
    """Let processes that are started from now on find a passphrase; it never lies on a disk.

    Raises:
        IdentityError: This system has no files in memory; a credential of systemd does as well.
    """
    if not hasattr(os, "memfd_create"):
        raise IdentityError(
            "passphrase: found a system without files in memory, expected Linux; give it as the "
            f"systemd credential {CREDENTIAL}"
        )
    descriptor = os.memfd_create("passphrase")
    os.write(descriptor, secret)
    environ[_HANDED_ON] = f"/proc/{os.getpid()}/fd/{descriptor}"


def _given(environ: Mapping[str, str], descriptor: int | None) -> bytes:
    if descriptor is not None:
        return _read(descriptor)
    if handed_on := environ.get(_HANDED_ON):
        return Path(handed_on).read_bytes()
    credential = Path(environ[_FOLDER]) / CREDENTIAL if _FOLDER in environ else None
    if credential is not None and credential.is_file():
        return credential.read_bytes()
    return getpass.getpass("Passphrase: ").encode() if sys.stdin.isatty() else b""


def _read(descriptor: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb") as file:
            return file.read()
    except OSError as error:
        raise IdentityError(
            f"passphrase: found {error.strerror!r} at file descriptor {descriptor}, expected one "
            "that is open for reading, as by 3< FILE"
        ) from error
