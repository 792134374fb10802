"""Files and folders that appear whole or not at all, and outlast a power cut where they must."""

import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_whole(path: Path, content: bytes, *, flushed: bool = True) -> None:
    """Write a file so that it is there whole or not at all, whatever becomes of this process.

    Args:
        flushed: Return when it has reached the disk. Otherwise it gets there when the system sees
            fit, and if the power fails before, it may be missing or torn.

    Raises:
        OSError: The disk is full or the folder cannot be written; what stood there before is
            unharmed, and no part of the new file is left.
    """
    # A name of its own: of two who write the same file one comes last, and neither is mixed in.
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            if flushed:
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if flushed:
        flush_folder(path.parent)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to be filled, which gets its name when all in it has reached the disk.

    Args:
        path: New, or an empty folder.

    Raises:
        OSError: The disk is full, the folder above cannot be written, or something lies under the
            name; nothing of the new folder is left.
    """
    path = path.absolute()
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir(parents=True)
        yield part
        for file in part.iterdir():
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())
        flush_folder(part)
        # Windows puts no folder in the place of another, not of an empty one either.
        with suppress(FileNotFoundError):
            path.rmdir()
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    flush_folder(path.parent)


def write_for_owner(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on; its folder too if new.

    Raises:
        OSError: As `write_whole` does.
    """
    previous = os.umask(0o077)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    finally:
        os.umask(previous)


def parts_of(path: Path) -> list[Path]:
    """Return what a kill left, or another process is writing, of a file not yet in its place."""
    return sorted(path.parent.glob(f".{glob.escape(path.name)}.*.part"))


def remove_parts(*folders: Path) -> None:
    """Remove the unfinished files that a killed process left; only for who holds the lock."""
    for part in [part for folder in folders for part in folder.glob(".*.part")]:
        part.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Return when the names of a folder's files have reached the disk."""
    # Windows has no way to flush a folder; there the rename itself is all one can ask for.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
