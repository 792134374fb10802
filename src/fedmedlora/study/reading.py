"""One TOML file read into one frozen `Study`; every fault is told at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.config import ARM_NAMES
from fedmedlora.experiment.toml_reading import Reading, parse_toml, read_table, unknown_keys
from fedmedlora.experiment.toml_values import did_you_mean, show
from fedmedlora.study.change import change_kinds
from fedmedlora.study.schema import TOGETHER, Change, Hospitals, Setting, Study, Variant

_READ_APART = {"values", "changes", "variants", "settings", "hospitals"}


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
    faults += unknown_keys(tables, ("study", "hospitals", "settings"), where=f"{path}: ")
    own = _read(Study, tables.get("study", {}), f"{path}: [study]", faults)
    hospitals = None
    if "hospitals" in tables:
        said = _read(Hospitals, tables["hospitals"], f"{path}: [hospitals]", faults)
        hospitals = _built(Hospitals, said)
    entries = tables.get("settings", [])
    if not isinstance(entries, list) or not entries:
        faults.append(
            Fault(f"{path}: settings", show(entries), "tables that begin with [[settings]]")
        )
        return None
    settings = [
        _setting(entry, f"{path}: [[settings]][{index}]", path.parent, faults)
        for index, entry in enumerate(entries)
    ]
    if faults or own is None:
        return None
    if hospitals:
        hospitals = replace(hospitals, folder=(path.parent / hospitals.folder).resolve())
    study = Study(**own, hospitals=hospitals, settings=tuple(filter(None, settings)))
    faults += _contradictions(study, str(path))
    return study


def _setting(entry: object, where: str, folder: Path, faults: list[Fault]) -> Setting | None:
    said = _read(Setting, entry, where, faults)
    more = _more(entry, where, folder, faults)
    variants = []
    if isinstance(entry, dict):
        for index, each in enumerate(entry.get("variants", [])):
            place = f"{where}.variants[{index}]"
            own = _read(Variant, each, place, faults)
            if own is not None:
                variants.append(Variant(**own, **_more(each, place, folder, faults)))
    if said is None:
        return None
    said["experiment"] = (folder / said["experiment"]).resolve()
    return Setting(**said, **more, variants=tuple(variants) or (Variant(),))


def _more(entry: object, where: str, folder: Path, faults: list[Fault]) -> dict[str, Any]:
    """Return what a setting and a variant have alike: values and changes."""
    table = entry if isinstance(entry, dict) else {}
    values = table.get("values", {})
    if not isinstance(values, dict):
        faults.append(Fault(f"{where}.values", show(values), "a table of dotted keys and values"))
        values = {}
    changes = table.get("changes", [])
    if not isinstance(changes, list):
        faults.append(Fault(f"{where}.changes", show(changes), "a list of tables"))
        changes = []
    read = [_change(one, f"{where}.changes[{i}]", folder, faults) for i, one in enumerate(changes)]
    return {"values": values, "changes": tuple(filter(None, read))}


def _change(entry: object, where: str, folder: Path, faults: list[Fault]) -> Change | None:
    kinds = change_kinds()
    kind = str(entry.get("kind")) if isinstance(entry, dict) else ""
    if not isinstance(entry, dict) or kind not in kinds:
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
    keys = [key.name for key in fields(kind) if key.name not in _READ_APART]
    told: object = table
    if isinstance(table, dict):
        told = {key: value for key, value in table.items() if key not in _READ_APART}
    reading: Reading = read_table(kind, told, where=where, keys=keys)
    faults += reading.faults
    return None if reading.faults else dict(reading.values)


def _built(kind: type[Any], said: dict[str, Any] | None) -> Any:  # noqa: ANN401 -- of that kind
    return None if said is None else kind(**said)


def _contradictions(study: Study, where: str) -> Iterator[Fault]:
    names = [setting.name for setting in study.settings]
    if study.reference not in ARM_NAMES:
        yield _no_arm(study.reference, f"{where}: [study].reference")
    for index, setting in enumerate(study.settings):
        place = f"{where}: [[settings]][{index}]"
        if names.count(setting.name) > 1:
            yield Fault(f"{place}.name", show(setting.name), "a name of its own")
        for arm in (one for group in setting.arms for one in group.split(TOGETHER)):
            if arm not in ARM_NAMES:
                yield _no_arm(arm, f"{place}.arms")
        variants = [variant.name for variant in setting.variants]
        if twice := sorted({name for name in variants if variants.count(name) > 1}):
            yield Fault(f"{place}.variants", f"{twice[0]!r} twice", "a name for each")
        if setting.tuned_by is not None:
            yield from _tuning_faults(setting, study.settings, place)


def _no_arm(found: str, where: str) -> Fault:
    return Fault(where, show(found), "the name of an arm", did_you_mean(found, ARM_NAMES))


def _tuning_faults(setting: Setting, settings: Sequence[Setting], where: str) -> Iterator[Fault]:
    trials = next((one for one in settings if one.name == setting.tuned_by), None)
    if trials is None or trials is setting or trials.tuned_by:
        yield Fault(
            f"{where}.tuned_by", show(setting.tuned_by), "another setting, not tuned itself"
        )
        return
    counts = {
        arm: sum(not variant.arms or arm in variant.arms for variant in trials.variants)
        for arm in setting.arms
        if arm in trials.arms
    }
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{arm} {count}" for arm, count in counts.items())
        expected = "as many for each arm; a method that is tried more often is favoured"
        yield Fault(f"{where}.tuned_by", f"trials: {told}", expected)
