"""The most memory that the processes of a federation held, by kind; on Linux."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

_PROC = Path("/proc")
_SECONDS_BETWEEN_LOOKS = 0.1

KindOf = Callable[[str], str | None]
"""The kind of a process by its command line; None where it does not count."""


class Peak(TypedDict):
    """What the processes of one kind held.

    Attributes:
        processes: How many there were, one after the other or at once.
        bytes: The most that one of them held.
        own: The most of it beside the files it has mapped, as often as was looked.
    """

    processes: int
    bytes: int
    own: int


@contextmanager
def watched(kind_of: KindOf) -> Iterator[dict[str, Peak]]:
    """Give a mapping that holds, on leaving, the peak of each kind of process below this one."""
    peaks: dict[str, Peak] = {}
    seen: dict[int, tuple[str, int, int]] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_SECONDS_BETWEEN_LOOKS):
            _look(seen, kind_of)

    looking = threading.Thread(target=watch, daemon=True)
    looking.start()
    try:
        yield peaks
    finally:
        over.set()
        looking.join()
        for kind, peak, own in seen.values():
            before = peaks.get(kind, Peak(processes=0, bytes=0, own=0))
            peaks[kind] = Peak(
                processes=before["processes"] + 1,
                bytes=max(before["bytes"], peak),
                own=max(before["own"], own),
            )


def held_bytes(pid: int) -> int:
    """Return the memory that a process holds beside the files it has mapped."""
    status = (_PROC / str(pid) / "status").read_text(encoding="utf-8")
    return _line(status, "RssAnon") or 0


@contextmanager
def most_held() -> Iterator[list[int]]:
    """Give a list of what this process held beside mapped files: at first, and at last the most."""
    held, over = [held_bytes(os.getpid())], threading.Event()

    def watch() -> None:
        while not over.wait(_SECONDS_BETWEEN_LOOKS / 10):
            held[1:] = [max(*held, held_bytes(os.getpid()))]

    looking = threading.Thread(target=watch, daemon=True)
    looking.start()
    try:
        yield held
    finally:
        over.set()
        looking.join()


def _look(seen: dict[int, tuple[str, int, int]], kind_of: KindOf) -> None:
    for pid in _below(os.getpid()):
        try:
            words = (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            status = (_PROC / str(pid) / "status").read_text(encoding="utf-8")
        except OSError:
            continue
        kind, peak, own = kind_of(words), _line(status, "VmHWM"), _line(status, "RssAnon")
        if kind is not None and peak is not None:
            before = seen[pid][2] if pid in seen else 0
            seen[pid] = kind, peak, max(before, own or 0)


def _below(ancestor: int) -> list[int]:
    parents = dict(_parents())
    return [pid for pid in parents if _descends(pid, ancestor, parents)]


def _parents() -> Iterator[tuple[int, int]]:
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            told = (folder / "stat").read_text(encoding="utf-8")
        except OSError:
            continue
        # The name, in brackets, may hold anything.
        yield int(folder.name), int(told.rpartition(")")[2].split()[1])


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
        if pid == ancestor:
            return True
    return False


def _line(status: str, name: str) -> int | None:
    for line in status.splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    return None
