"""Who runs from a kit: one command at a time, which outlives nothing that it started.

A command that was killed leaves processes of NVFLARE behind. The next one from the same kit ends
them before it begins.
"""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from fedmedlora.engines.nvflare.processes import group_of, is_running
from fedmedlora.errors import EngineError, Fault, InputError

_LOCK = "owner.lock"
_END_S = 30.0
_LOOK_S = 0.1


@contextmanager
def owning(kit: Path) -> Iterator[None]:
    """Have a kit for oneself; a request to stop ends what is done with it, in order.

    Raises:
        InputError: Another command runs from it.
        EngineError: What an earlier one left behind does not end.
    """
    with (kit / _LOCK).open("a+b") as lock:
        if not _locked(lock.fileno()):
            found = f"a command that runs from it, process {owner_of(kit)}"
            advice = f"end it first: fedmedlora federation stop {kit}"
            raise InputError([Fault(str(kit), found, "none", advice)])
        _end_leftovers(kit)
        lock.truncate(0)
        lock.write(f"{os.getpid()}".encode())
        lock.flush()
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
            lock.truncate(0)


def stop(kit: Path) -> bool:
    """End what runs from a kit, in order; return whether anything did.

    Raises:
        EngineError: It does not end.
    """
    owner = owner_of(kit)
    if owner is None:
        left = is_running(kit)
        _end_leftovers(kit)
        return left
    with suppress(ProcessLookupError):
        os.kill(owner, signal.SIGTERM)
    _wait(lambda: owner_of(kit) is not None, kit)
    return True


def owner_of(kit: Path) -> int | None:
    """Return the process that has a kit, None where none has."""
    try:
        with (kit / _LOCK).open("rb") as lock:
            if _locked(lock.fileno()):
                return None
            told = lock.read().decode()
    except FileNotFoundError:
        return None
    return int(told) if told.isdigit() else None


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _end_leftovers(kit: Path) -> None:
    if not is_running(kit):
        return
    with suppress(ProcessLookupError):
        os.killpg(group_of(kit), signal.SIGKILL)
    _wait(lambda: is_running(kit), kit)


def _wait(true: Callable[[], bool], kit: Path) -> None:
    deadline = time.monotonic() + _END_S
    while true():
        if time.monotonic() > deadline:
            raise EngineError(
                f"{kit}: found processes that do not end, expected none; end them by hand"
            )
        time.sleep(_LOOK_S)


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    sys.exit(0)
