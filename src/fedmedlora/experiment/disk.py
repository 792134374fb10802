"""What a run asks of the disk: files that appear whole, one process at a time, plain errors."""

import errno
import os
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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, and has reached the disk.

    Raises:
        OSError: The disk is full or the folder cannot be written; no part of the file is left.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        _write_flushed(part, content)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def remove_parts(*folders: Path) -> None:
    """Remove the unfinished files that a killed process left; only for who holds the lock."""
    for part in [part for folder in folders for part in folder.glob(".*.part")]:
        part.unlink(missing_ok=True)


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    # Windows has no way to flush a folder; there the rename itself is all one can ask for.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
