"""What a run asks of the disk: one process at a time, plain errors."""

import errno
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fedmedlora.errors import StoreError

_LOCK = "run.lock"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_HELD = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}


@contextmanager
def store_errors(folder: Path) -> Iterator[None]:
    """Return a context in which trouble with the disk or the database is a `StoreError`."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{folder}: {_told(error)}") from error


def lock_folder(folder: Path) -> BinaryIO:
    """Return an open file that keeps every other process out of a folder until it is closed.

    The operating system closes it with the process, however that ends.

    Raises:
        StoreError: Another process has the folder.
    """
    file = (folder / _LOCK).open("ab")
    try:
        _lock(file)
    except OSError as error:
        file.close()
        if error.errno not in _HELD:
            raise
        raise StoreError(
            f"{folder}: found another process at work in it, expected none; wait for that run "
            "to end, or name another --out"
        ) from error
    return file


def _told(error: OSError | sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorname", "")
    if code == "SQLITE_FULL" or getattr(error, "errno", None) in _FULL:
        return (
            f"found no space left ({error}), expected room for the run; free some space, then go "
            "on with --resume: what was recorded is kept"
        )
    if code in _DAMAGED:
        return (
            f"found a damaged database ({error}), expected run.sqlite as this program wrote it; "
            "restore the folder from a copy, or start again with another --out"
        )
    return (
        f"found {str(error)!r}, expected a disk that can be read and written; check it and the "
        "space left on it, then go on with --resume: what was recorded is kept"
    )


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
