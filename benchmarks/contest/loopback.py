"""What both rivals' federations on one machine need: ports, processes that end, a start."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import psutil
from safetensors.numpy import save_file

NUM_TENSORS = 64
SHAPE = (16, 2442)
"""Of each tensor: 64 of them are 10 MB of float32."""
QUIET_FLOWER = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""What keeps Flower and Ray off the network."""
_WAIT_FOR_AN_END_S = 10.0
_TAIL = 3000


def write_adapter(file: Path) -> int:
    """Write an adapter of zeros and return its bytes."""
    tensors = {
        f"layers.{i // 2}.lora_{'AB'[i % 2]}.weight": np.zeros(SHAPE, np.float32)
        for i in range(NUM_TENSORS)
    }
    save_file(tensors, file)
    return sum(tensor.nbytes for tensor in tensors.values())


def free_port() -> int:
    """Return a port of this machine on which nobody listens now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def started(
    command: Sequence[str], log: Path, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process, and end it with all that it started; its last words where something failed.

    Args:
        settings: Variables of its environment, beside ours.
    """
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 -- a command of ours
            command,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    except BaseException:
        sys.stderr.write(f"== {log.name}\n{log.read_text('utf-8', errors='replace')[-_TAIL:]}\n")
        raise
    finally:
        _end(process)


def until(holds: Callable[[], bool], what: str, *, timeout_s: float = 60.0) -> None:
    """Return when something holds.

    Raises:
        SystemExit: It does not in time.
    """
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(0.2)


def since_start() -> float:
    """Return the seconds since this process began, the imports among them."""
    began: float = psutil.Process().create_time()
    return time.time() - began


@contextmanager
def talk_aside() -> Iterator[TextIO]:
    """Send what this process and those it starts print to stderr; gives the true stdout."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as told:
        os.dup2(2, 1)
        yield told


def tell(told: TextIO, figures: Mapping[str, Any]) -> None:
    """Print figures as one JSON object."""
    told.write(json.dumps(figures) + "\n")


def program(name: str) -> str:
    """Return where a program of this environment lies."""
    return str(Path(sys.executable).parent / name)


def _end(process: subprocess.Popen[bytes]) -> None:
    below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_WAIT_FOR_AN_END_S)
    # Some begin a group of their own.
    for left in below:
        with suppress(psutil.NoSuchProcess):
            left.kill()
