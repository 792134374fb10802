"""TOML tables read into frozen dataclasses: every fault is found, none stops the reading.

The dataclass is the whole schema. Its fields name the keys, their types and rules say what may
stand there, their defaults stand in for keys that are left out.
"""

import re
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.toml_values import (
    Hint,
    converted,
    did_you_mean,
    expected,
    found,
    value_faults,
)

Kind = TypeVar("Kind")

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read: the good values by key, and the faults of the others."""

    values: Mapping[str, Any]
    faults: tuple[Fault, ...]


def parse_toml(text: str, *, name: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Args:
        text: The whole file.
        name: What the file is called in errors.

    Raises:
        InputError: The text is not TOML; the fault names the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError([_syntax_fault(str(error), text, name)]) from error


def read_table(
    kind: type[Any], table: object, *, where: str, keys: Iterable[str] | None = None
) -> Reading:
    """Return what a table says about a dataclass, defaults filled in.

    Args:
        kind: The dataclass; its field names are the keys.
        table: What stands in the file; anything but a table is a fault.
        where: File and section, as `demo.toml: [training]`.
        keys: The fields to read, all of them when None.
    """
    hints = typing.get_type_hints(kind, include_extras=True)
    if not isinstance(table, Mapping):
        fault = Fault(where, found(table, *hints.values()), "a table of keys and values")
        return Reading({}, (fault,))
    names = [field.name for field in fields(kind)] if keys is None else list(keys)
    readings = [
        _read_key(field, hints[field.name], table, where=f"{where}.{field.name}")
        for field in fields(kind)
        if field.name in names
    ]
    unknown = unknown_keys(table, names, where=f"{where}.")
    return joined([Reading({}, tuple(unknown)), *readings])


def read_file_of(kind: type[Kind], path: Path) -> Kind:
    """Return what a file of one table says; where there is no file, the defaults.

    Raises:
        InputError: Everything that is wrong with it.
    """
    content = path.read_bytes() if path.exists() else b""
    # What is no UTF-8 becomes a character that no key and no value may have.
    text = content.decode(errors="replace")
    reading = read_table(kind, parse_toml(text, name=str(path)), where=str(path))
    if reading.faults:
        raise InputError(reading.faults)
    return kind(**reading.values)


def joined(readings: Iterable[Reading]) -> Reading:
    """Return one reading with the values and faults of all."""
    readings = list(readings)
    values = {key: value for reading in readings for key, value in reading.values.items()}
    return Reading(values, tuple(fault for reading in readings for fault in reading.faults))


def unknown_keys(table: Mapping[str, Any], known: Iterable[str], *, where: str) -> list[Fault]:
    """Return a fault for every key that nothing would read; `where` is put before the key."""
    names = list(known)
    expected = f"one of {', '.join(names)}" if names else "none here"
    return [
        Fault(
            f"{where}{key}",
            "an unknown key",
            expected,
            did_you_mean(key, names) or "remove it",
        )
        for key in table
        if key not in names
    ]


def _read_key(field: Field[Any], hint: Hint, table: Mapping[str, Any], *, where: str) -> Reading:
    if isinstance(hint, type) and is_dataclass(hint):
        return _read_nested(field, hint, table.get(field.name, {}), where=where)
    if field.name in table:
        value = table[field.name]
        faults = value_faults(hint, value, where=where)
        return Reading({} if faults else {field.name: converted(hint, value)}, tuple(faults))
    if field.default is MISSING:
        return Reading({}, (Fault(where, "nothing", expected(hint), "add the key"),))
    return Reading({field.name: field.default}, ())


def _read_nested(field: Field[Any], kind: type[Any], table: object, *, where: str) -> Reading:
    reading = read_table(kind, table, where=where)
    if reading.faults:
        return Reading({}, reading.faults)
    return Reading({field.name: kind(**reading.values)}, ())


def _syntax_fault(reason: str, text: str, name: str) -> Fault:
    position = _POSITION.search(reason)
    last_line = str(text.count("\n") + 1)
    line = (position and position.group(1)) or last_line
    problem = _POSITION.sub("", reason)
    wrong = problem[:1].lower() + problem[1:]
    return Fault(f"{name}:{line}", wrong, "TOML", "correct this line")
