"""Writes down whom a Python process calls or looks up, for the tests that say where it may not."""

import os
import sys
from pathlib import Path
from typing import Any


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}:
        called = arguments[1] if event in {"socket.connect", "socket.sendto"} else arguments[0]
        host = called[0] if isinstance(called, tuple) else called
        with Path(os.environ["FEDMEDLORA_TEST_CALLS"]).open("a") as calls:
            calls.write(f"{event} {host}\n")


if "FEDMEDLORA_TEST_CALLS" in os.environ:
    sys.addaudithook(_note)
