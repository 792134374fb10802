"""One TOML file read into one frozen `Study`; every fault is told at once."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.config import ARM_NAMES
from fedmedlora.experiment.toml_reading import Reading, parse_toml, read_table, unknown_keys
from fedmedlora.experiment.toml_values import did_you_mean, show
from fedmedlora.study.change import change_kinds
from fedmedlora.study.contradictions import contradictions, no_arm
from fedmedlora.study.schema import Change, Hospitals, Setting, Study, Variant

_TABLES = {"settings", "hospitals"}
"""Of a study; they stand beside `[study]`, not in it."""
_READ_APART = {"values", "changes", "variants", *_TABLES}
_OWN = {"experiment.name", "experiment.seed", "experiment.arms", "training.num_threads"}
"""What a cell has from its setting, or for running beside others."""


def read_study(path: Path) -> Study:
    """Return the study that a TOML file describes.

    Raises:
        InputError: Everything that is wrong with the file itself; its cells are checked apart.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Fault(str(path), "no readable text", "a study in TOML")]) from error
    faults: list[Fault] = []
    study = _study(parse_toml(text, name=str(path)), path, faults)
    if faults or study is None:
        raise InputError(faults)
    return study


def _study(tables: Mapping[str, Any], path: Path, faults: list[Fault]) -> Study | None:
    """Return the study of some tables, None where it has faults, which are added."""
    faults += unknown_keys(tables, ("study", "hospitals", "settings"), where=f"{path}: ")
    own = _read(Study, tables.get("study", {}), f"{path}: [study]", faults)
    hospitals = _hospitals(tables, path, faults)
    entries = tables.get("settings", [])
    if not isinstance(entries, list) or not entries:
        found, expected = show(entries), "tables that begin with [[settings]]"
        faults.append(Fault(f"{path}: settings", found, expected))
        return None
    settings = [
        _setting(entry, f"{path}: [[settings]][{index}]", path.parent, faults)
        for index, entry in enumerate(entries)
    ]
    faults += contradictions(settings, f"{path}: ")
    if own and own["reference"] not in ARM_NAMES:
        faults.append(no_arm(own["reference"], f"{path}: [study].reference"))
    if faults or own is None:
        return None
    return Study(**own, hospitals=hospitals, settings=tuple(filter(None, settings)))


def _hospitals(tables: Mapping[str, Any], path: Path, faults: list[Fault]) -> Hospitals | None:
    if "hospitals" not in tables:
        return None
    said = _read(Hospitals, tables["hospitals"], f"{path}: [hospitals]", faults)
    if said is None:
        return None
    return Hospitals(**{**said, "folder": (path.parent / said["folder"]).resolve()})


def _setting(entry: object, where: str, folder: Path, faults: list[Fault]) -> Setting | None:
    before = len(faults)
    said = _read(Setting, entry, where, faults)
    more = _more(entry, where, folder, faults)
    variants = [
        _variant(one, f"{where}.variants[{index}]", folder, faults)
        for index, one in enumerate(_list_of("variants", entry, where, faults))
    ]
    if said is None or len(faults) > before:
        return None
    said["experiment"] = (folder / said["experiment"]).resolve()
    return Setting(**said, **more, variants=tuple(filter(None, variants)) or (Variant(),))


def _variant(entry: object, where: str, folder: Path, faults: list[Fault]) -> Variant | None:
    said = _read(Variant, entry, where, faults)
    more = _more(entry, where, folder, faults)
    return None if said is None else Variant(**said, **more)


def _more(entry: object, where: str, folder: Path, faults: list[Fault]) -> dict[str, Any]:
    """Return what a setting and a variant have alike: values and changes."""
    values = entry.get("values", {}) if isinstance(entry, dict) else {}
    if not isinstance(values, dict):
        faults.append(Fault(f"{where}.values", show(values), "a table of dotted keys and values"))
        values = {}
    flat = dict(_flat(values))
    faults += _value_faults(flat, f"{where}.values")
    read = [
        _change(one, f"{where}.changes[{index}]", folder, faults)
        for index, one in enumerate(_list_of("changes", entry, where, faults))
    ]
    return {"values": flat, "changes": tuple(filter(None, read))}


def _list_of(key: str, entry: object, where: str, faults: list[Fault]) -> list[object]:
    value = entry.get(key, []) if isinstance(entry, dict) else []
    if isinstance(value, list):
        return value
    faults.append(Fault(f"{where}.{key}", show(value), "a list of tables"))
    return []


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    """Yield values by dotted key; in TOML the dots may also stand outside of the quotes."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _value_faults(values: Mapping[str, object], where: str) -> Iterator[Fault]:
    for key in values:
        if key in _OWN or key.startswith("engine."):
            yield Fault(f"{where}.{key}", "a key that the study sets itself", "another key")
        elif len(parts := key.split(".")) <= (parts[0] == "sites") + 1 or not all(parts):
            expected = "SECTION.KEY, or sites.FOLDER.KEY"
            yield Fault(f"{where}.{key}", "no key of an experiment", expected)


def _change(entry: object, where: str, folder: Path, faults: list[Fault]) -> Change | None:
    kinds = change_kinds()
    kind = entry.get("kind") if isinstance(entry, dict) else entry
    if not isinstance(entry, dict) or not isinstance(kind, str) or kind not in kinds:
        expected = f"a table with kind, one of {', '.join(kinds)}"
        faults.append(Fault(where, show(kind), expected, did_you_mean(kind, kinds)))
        return None
    told = {key: value for key, value in entry.items() if key != "kind"}
    reading = read_table(kinds[kind].settings, told, where=where)
    faults += reading.faults
    if reading.faults:
        return None
    values = {
        key: (folder / value).resolve() if isinstance(value, Path) else value
        for key, value in reading.values.items()
    }
    return Change(kind, kinds[kind].settings(**values))


def _read(kind: type[Any], table: object, where: str, faults: list[Fault]) -> dict[str, Any] | None:
    """Return what a table says, but for what is read apart; None where it has faults."""
    names = [key.name for key in fields(kind)]
    told: object = table
    before = len(faults)
    if isinstance(table, dict):
        own = [name for name in names if name not in _TABLES]
        faults += unknown_keys(table, own, where=f"{where}.")
        told = {key: table[key] for key in table if key in own and key not in _READ_APART}
    keys = [name for name in names if name not in _READ_APART]
    reading: Reading = read_table(kind, told, where=where, keys=keys)
    faults += reading.faults
    return None if len(faults) > before else dict(reading.values)
