"""How a command is added, and what a single word may be."""

import argparse
import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fedmedlora import bundled

_Command = Callable[[argparse.Namespace], int]

_LAST_PORT = 65_535


def add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    module: str,
    text: str,
    *,
    function: str | None = None,
) -> argparse.ArgumentParser:
    """Return a new command; its function is called as it is unless told."""
    added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    added.set_defaults(run=partial(_run, module, function or name))
    added.add_argument("--json", action="store_true", help="print the result as one JSON object")
    return added


def _run(module: str, name: str, options: argparse.Namespace) -> int:
    """Import a command's module only when it runs: `--help` must not wait for torch."""
    command: _Command = getattr(importlib.import_module(f"fedmedlora.cli.{module}"), name)
    return command(options)


def place(text: str) -> Path:
    """Return where an adapter is; a folder of one's own of that name is ./bundled."""
    return bundled.ADAPTER if text == "bundled" else Path(text)


def pair(text: str) -> tuple[str, str]:
    """Return a type of theirs and the type of ours that it stands for."""
    theirs, _, ours = text.rpartition("=")
    if not theirs or not ours:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected THEIRS=OURS")
    return theirs, ours


def positive(text: str) -> int:
    """Return a whole number above zero."""
    return _at_least(text, 1)


def port(text: str) -> int:
    """Return where something may listen."""
    value = _at_least(text, 1)
    if value > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a port, {_LAST_PORT} or less")
    return value


def not_negative(text: str) -> int:
    """Return a whole number, zero or more."""
    return _at_least(text, 0)


def _at_least(text: str, least: int) -> int:
    value = int(text) if text.lstrip("-").isdigit() else None
    if value is None or value < least:
        message = f"found {text!r}, expected a whole number, {least} or more"
        raise argparse.ArgumentTypeError(message)
    return value
