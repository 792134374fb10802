"""The reference of all that files of experiments and studies can hold, made from their schemas.

`python -m fedmedlora.cli.settings_reference > docs/settings.md` writes it anew.
"""

import inspect
import re
import sys
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any

from fedmedlora.experiment.schema import ARM_NAMES, ArmName, Experiment
from fedmedlora.experiment.toml_values import Hint, expected, show
from fedmedlora.federation.strategies import methods
from fedmedlora.reporting.arms import title
from fedmedlora.study.change import change_kinds
from fedmedlora.study.schema import Hospitals, Setting, Study, Variant

_HEAD = """# Settings

Everything that the TOML file of an experiment can hold, table by table; a table or a key that has a
default may be left out. Default None: the key is left out, TOML has no word for it. What cannot
stand together is told, with every other fault, by `fedmedlora check` before anything runs.

This page is made from the schema: `python -m fedmedlora.cli.settings_reference > docs/settings.md`
"""
_ARMS = "What each does: [method.md](method.md). One with SITE in its title is an arm at each site."
_METHODS = "[methods."
_STUDY = """# Studies

What the TOML file of a study can hold ([guide/study.md](guide/study.md)). A change of sites is a
table with its `kind`, one of those at the end, and what that takes.
"""
_APART = {
    "values": "a table of dotted keys and values",
    "changes": "a list of changes",
    "variants": "a list of variants",
}
"""Of a study's tables what is no single value, in words."""
_ENTRY = re.compile(r" {4}(\w+): (.*)")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table.

    Attributes:
        value: What it must be, in words.
        default: What stands in for it where it is left out; None where it must be given.
        words: What it is; "" where nobody said so.
    """

    name: str
    value: str
    default: str | None
    words: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file: how its line is written, what it is, and its keys."""

    line: str
    words: str
    keys: tuple[Key, ...]


def reference() -> str:
    """Return the whole page."""
    own, *others = tables()
    sections = [_section(table) for table in others if table.keys or table.line == "[methods]"]
    study = [_section(table) for table in study_tables()]
    return "\n".join([_HEAD, _section(own), _arms(), *sections, _STUDY, *study])


def tables() -> Iterator[Table]:
    """Yield every table that the reader knows, in the order of the schema."""
    yield from _tables(Experiment, "[experiment]", inside="")


def study_tables() -> Iterator[Table]:
    """Yield every table of a study, then what each kind of change takes."""
    lines = {
        "[study]": Study,
        "[hospitals]": Hospitals,
        "[[settings]]": Setting,
        "[[settings.variants]]": Variant,
        **{f'{{ kind = "{name}" }}': one.settings for name, one in change_kinds().items()},
    }
    for line, kind in lines.items():
        hints, said = typing.get_type_hints(kind, include_extras=True), explained(kind)
        keys = [
            Key(field.name, _APART[field.name], "none", said[field.name])
            if field.name in _APART
            else _key(field, hints[field.name], said.get(field.name, ""))
            for field in fields(kind)
            if f"[{field.name}]" not in lines and f"[[{field.name}]]" not in lines
        ]
        yield Table(line, _described(kind, line), tuple(keys))


def _described(kind: type[Any], line: str) -> str:
    """Return what a table is; of a change, what its file begins with."""
    if line.startswith("["):
        return _opening(kind)
    return (inspect.getdoc(sys.modules[kind.__module__]) or "").partition("\n")[0]


def explained(kind: type[Any]) -> Mapping[str, str]:
    """Return what a class says of its attributes, by name."""
    words: dict[str, str] = {}
    name = ""
    _, _, attributes = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")
    for line in attributes.partition("\n\n")[0].splitlines():
        entry = _ENTRY.fullmatch(line)
        name = entry[1] if entry else name
        words[name] = entry[2] if entry else f"{words[name]} {line.strip()}"
    return words


def _tables(kind: type[Any], line: str, *, inside: str, words: str = "") -> Iterator[Table]:
    """Yield the table of a class, then those of its fields that are tables themselves."""
    hints = typing.get_type_hints(kind, include_extras=True)
    said = explained(kind)
    nested = {name: (_item(hint) or hint) for name, hint in hints.items() if _is_table(hint)}
    keys = [
        _key(field, hints[field.name], said.get(field.name, ""))
        for field in fields(kind)
        if field.name not in nested
    ]
    yield Table(line, words or _opening(kind), tuple(keys))
    for name, table in nested.items():
        path = f"{inside}{name}"
        under = f"[[{path}]]" if _item(hints[name]) else f"[{path}]"
        yield from _tables(table, under, inside=f"{path}.", words=said.get(name, ""))


def _is_table(hint: Hint) -> bool:
    return is_dataclass(_item(hint) or hint)


def _item(hint: Hint) -> type[Any] | None:
    """Return the class of the tables in an array of tables, None for anything else."""
    item = next(iter(typing.get_args(hint)), None)
    return item if isinstance(item, type) and is_dataclass(item) else None


def _opening(kind: type[Any]) -> str:
    before = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")[0]
    return " ".join(before.split())


def _key(field: Field[Any], hint: Hint, words: str) -> Key:
    # The arms have a list of their own, with their titles.
    value = expected(hint).replace(expected(ArmName), "one of [the arms](#arms)")
    if field.default is MISSING:
        return Key(field.name, value, None, words)
    default = "None" if field.default is None else f"`{show(field.default)}`"
    return Key(field.name, value, default, words)


def _section(table: Table) -> str:
    name = table.line.removeprefix(_METHODS).removesuffix("]")
    called = f": {methods()[name].title}" if table.line.startswith(_METHODS) else ""
    below = _without_numbers() if table.line == "[methods]" else _list(table.keys)
    return f"## `{table.line}`{called}\n\n{table.words}\n\n{below}"


def _list(keys: Iterable[Key]) -> str:
    return "".join(_explained(key) for key in keys)


def _explained(key: Key) -> str:
    default = "must be given" if key.default is None else f"default {key.default}"
    return f"- `{key.name}` ({key.value}; {default}): {key.words}\n"


def _without_numbers() -> str:
    names = [f"`{name}`" for name, method in methods().items() if not fields(method.settings)]
    return f"Methods without a number of their own: {', '.join(names)}.\n"


def _arms() -> str:
    lines = "".join(f"- `{name}`: {_called(name)}\n" for name in ARM_NAMES)
    return f"## Arms\n\n{_ARMS}\n\n{lines}"


def _called(arm: str) -> str:
    alone = title(arm)
    # An arm at each site is called after the site.
    return title(f"{arm}:SITE") if alone == arm else alone


if __name__ == "__main__":
    sys.stdout.write(reference())
