"""The reference of all commands as Markdown, made from the parser.

`python -m fedmedlora.cli.reference > docs/cli.md` writes it anew.
"""

import argparse
import sys
from collections.abc import Iterator

from fedmedlora.cli.parser import build_parser

_HEAD = """# Commands

Results go to stdout, talk to stderr; with `--json` the result is one JSON object. What goes wrong
is text on stderr also then; `data check` and `audit verify` have the faults for their result. Exit
codes: 0 done, 1 `audit verify` found something wrong, 2 wrong input (every problem at once), 3 the
run could not go on (too few sites, disk), 130 interrupted, 141 nobody reads the output on, as after
`| head`.

This page is made from the parser: `python -m fedmedlora.cli.reference > docs/cli.md`
"""


def reference() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD, *(_section(command) for command in commands(build_parser()))])


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of everything that can be typed, in the order of the help."""
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001
    if not groups:
        yield parser
    for group in groups:
        for command in group.choices.values():
            yield from commands(command)


def _section(command: argparse.ArgumentParser) -> str:
    actions = [action for action in command._actions if action.dest != "help"]  # noqa: SLF001
    # Every command has --json: what it has beside that comes first.
    actions.sort(key=lambda action: action.dest == "json")
    usage = " ".join([command.prog, *(_usage(action) for action in actions)])
    lines = [f"- {_named(action)}{_explained(action)}\n" for action in actions]
    return f"## {command.prog}\n\n    {usage}\n\n{command.description}\n\n{''.join(lines)}"


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        name = str(action.metavar)
        repeated = {"+": f"{name} [{name} ...]", "*": f"[{name} ...]", "?": f"[{name}]"}
        return repeated.get(str(action.nargs), name)
    spelt = _spelt(action)
    return spelt if action.required else f"[{spelt}]"


def _spelt(action: argparse.Action) -> str:
    if action.nargs == 0:
        return action.option_strings[0]
    values = "|".join(map(str, action.choices)) if action.choices else ""
    return f"{action.option_strings[0]} {action.metavar or values or action.dest.upper()}"


def _named(action: argparse.Action) -> str:
    return f"`{_spelt(action) if action.option_strings else action.metavar}`"


def _explained(action: argparse.Action) -> str:
    is_told = action.nargs == 0 or action.default is None
    default = "" if is_told else f"default `{action.default}`"
    said = "; ".join(part for part in (action.help, default) if part)
    return f": {said}" if said else ""


if __name__ == "__main__":
    sys.stdout.write(reference())
