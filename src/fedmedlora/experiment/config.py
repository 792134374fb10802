"""One TOML file read into one frozen `Experiment`, complete and checked before anything loads."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.baselines import Bert, Endpoint, FewShot
from fedmedlora.experiment.contradictions import contradictions
from fedmedlora.experiment.places import EngineChoice, SiteEntry
from fedmedlora.experiment.privacy import Privacy
from fedmedlora.experiment.protections import Audit
from fedmedlora.experiment.schema import (
    ARM_NAMES,
    FEDERATED_ARMS,
    NEW_SITE_ARMS,
    PERSONAL_ARMS,
    Admission,
    Aggregation,
    ArmName,
    Communication,
    Evaluation,
    Experiment,
    Lora,
    Methods,
    Model,
    Training,
)
from fedmedlora.experiment.toml_reading import (
    Reading,
    joined,
    parse_toml,
    read_table,
    unknown_keys,
)
from fedmedlora.experiment.toml_values import show

__all__ = [
    "ARM_NAMES",
    "FEDERATED_ARMS",
    "NEW_SITE_ARMS",
    "PERSONAL_ARMS",
    "Aggregation",
    "ArmName",
    "EngineChoice",
    "Evaluation",
    "Experiment",
    "Lora",
    "Model",
    "SiteEntry",
    "Training",
    "change_faults",
    "changed_keys",
    "parse_experiment",
    "read_experiment",
    "readable_sites",
    "settings",
]

_SECTIONS: dict[str, type[Any]] = {
    "model": Model,
    "training": Training,
    "aggregation": Aggregation,
    "admission": Admission,
    "methods": Methods,
    "communication": Communication,
    "privacy": Privacy,
    "few_shot": FewShot,
    "bert": Bert,
    "endpoint": Endpoint,
    "evaluation": Evaluation,
    "engine": EngineChoice,
    "audit": Audit,
}
_BASES = {"model.base": "[model].base", "bert.base": "[bert].base"}
"""Keys of bases that may be folders, dotted and as messages have them."""
_IMMATERIAL = re.compile(
    r"sites\[\d+\]\.(path|name)|engine\.\w+|endpoint\.(timeout_s|attempts|at_once|key_variable)"
)
_OWN_KEYS = tuple(key.name for key in fields(Experiment) if key.name not in {*_SECTIONS, "sites"})


def read_experiment(path: Path) -> Experiment:
    """Return the experiment a TOML file describes; the folders it names exist.

    Raises:
        InputError: Everything that is wrong with the file, at once.
    """
    reading = _read(_text(path), name=str(path), folder=path.parent)
    return _built(joined([reading, Reading({}, _missing_folders(reading.values, name=str(path)))]))


def readable_sites(path: Path) -> tuple[SiteEntry, ...]:
    """Return the sites of a TOML file whose folders are there, whatever else is wrong with it.

    Raises:
        InputError: The file cannot be read as TOML.
    """
    sites = _read(_text(path), name=str(path), folder=path.parent).values.get("sites", ())
    return tuple(SiteEntry(**site) for site in sites if site["path"] and site["path"].is_dir())


def parse_experiment(text: str, *, name: str, folder: Path) -> Experiment:
    """Return the experiment a TOML text describes, without a look at the folders it names.

    Args:
        text: The whole file.
        name: What the file is called in errors.
        folder: What relative paths start from.

    Raises:
        InputError: Everything that is wrong with the text, at once.
    """
    return _built(_read(text, name=name, folder=folder))


def settings(experiment: Experiment) -> dict[str, object]:
    """Return every value of an experiment by its dotted key, as `training.epochs`."""
    own = [(f"experiment.{key}", getattr(experiment, key)) for key in _OWN_KEYS]
    sections = [(key, getattr(experiment, key)) for key in _SECTIONS]
    sites = [(f"sites[{index}]", site) for index, site in enumerate(experiment.sites)]
    return dict(leaf for key, value in own + sections + sites for leaf in _leaves(key, value))


def changed_keys(a: Experiment, b: Experiment) -> list[str]:
    """Return the dotted keys whose values differ, or that only one of the two has.

    What changes no result does not count: which engine runs it and how, where a site's folder lies
    and what it is called (its notes have a digest), and how patiently an endpoint is asked.
    """
    before, after = (
        {key: value for key, value in settings(one).items() if not _IMMATERIAL.fullmatch(key)}
        for one in (a, b)
    )
    return [
        key
        for key in {**before, **after}
        if (key in before, before.get(key)) != (key in after, after.get(key))
    ]


def change_faults(began: Experiment, now: Experiment, *, where: str) -> list[Fault]:
    """Return a fault for each key in which an experiment is not the one that a run began with.

    Args:
        where: What comes before the key.
    """
    before, after = settings(began), settings(now)
    return [
        Fault(
            f"{where}: {key}",
            show(after[key]) if key in after else "nothing",
            f"{show(before[key]) if key in before else 'nothing'}, as the run began",
            "undo the change, or start a new run with another --out",
        )
        for key in changed_keys(began, now)
    ]


def engine_name(path: Path) -> object:
    """Return what an experiment's file says that it runs on, whatever else is wrong with it.

    Raises:
        InputError: It cannot be read, or is not TOML.
    """
    engine = parse_toml(_text(path), name=str(path)).get("engine", {})
    return engine.get("name", EngineChoice().name) if isinstance(engine, dict) else engine


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        fault = Fault(str(path), f"bytes that are not UTF-8 ({error.reason})", "a TOML text")
        raise InputError([fault]) from error
    except OSError as error:
        fault = Fault(str(path), f"no readable file ({error.strerror})", "an experiment in TOML")
        raise InputError([fault]) from error


def _read(text: str, *, name: str, folder: Path) -> Reading:
    tables = parse_toml(text, name=name)
    known = ("experiment", *_SECTIONS, "sites")
    unknown = Reading({}, tuple(unknown_keys(tables, known, where=f"{name}: ")))
    own = _section(Experiment, "experiment", tables, name=name, keys=_OWN_KEYS)
    sections = [_section(kind, key, tables, name=name) for key, kind in _SECTIONS.items()]
    reading = joined([unknown, own, *sections, _sites(tables.get("sites", []), name, folder)])
    clashes = contradictions(reading.values, name=name)
    return joined([reading, _absolute_bases(reading.values, folder), Reading({}, clashes)])


def _absolute_bases(values: Mapping[str, Any], folder: Path) -> Reading:
    bases = {key: values[key] for key in _BASES if key in values}
    folders = {
        key: str((folder / base).resolve())
        for key, base in bases.items()
        if base.startswith(".") or Path(base).is_absolute()
    }
    return Reading(folders, ())


def _section(
    kind: type[Any],
    section: str,
    tables: Mapping[str, Any],
    *,
    name: str,
    keys: Sequence[str] | None = None,
) -> Reading:
    where = f"{name}: [{section}]"
    reading = read_table(kind, tables.get(section, {}), where=where, keys=keys)
    return Reading(
        {f"{section}.{key}": reading.values[key] for key in reading.values}, reading.faults
    )


def _sites(entries: object, name: str, folder: Path) -> Reading:
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        found = show(entries)
        return Reading({}, (Fault(f"{name}: sites", found, "tables that begin with [[sites]]"),))
    readings = [
        read_table(SiteEntry, entry, where=f"{name}: [[sites]][{index}]")
        for index, entry in enumerate(entries)
    ]
    faults = joined(readings).faults
    # Checks that look at all sites would mislead where one has no path or no role.
    if any(not {"path", "role"} <= reading.values.keys() for reading in readings):
        return Reading({}, faults)
    sites = [{**one.values, "path": _absolute(folder, one.values["path"])} for one in readings]
    return Reading({"sites": sites}, faults)


def _absolute(folder: Path, path: Path | None) -> Path | None:
    return None if path is None else (folder / path).resolve()


def _missing_folders(values: Mapping[str, Any], *, name: str) -> tuple[Fault, ...]:
    sites = enumerate(values.get("sites", ()))
    folders = [
        (f"[[sites]][{index}].path", site["path"], "a site")
        for index, site in sites
        if site["path"]
    ]
    for key, where in _BASES.items():
        if Path(values.get(key, "")).is_absolute():
            folders.append((where, Path(values[key]), "a base model"))
    return tuple(
        Fault(f"{name}: {key}", f"no folder {path}", f"the folder of {owner}")
        for key, path, owner in folders
        if not path.is_dir()
    )


def _built(reading: Reading) -> Experiment:
    if reading.faults:
        raise InputError(reading.faults)
    values = reading.values
    sections = {key: kind(**_of_section(values, key)) for key, kind in _SECTIONS.items()}
    sites = tuple(SiteEntry(**site) for site in values["sites"])
    return Experiment(**_of_section(values, "experiment"), **sections, sites=sites)


def _of_section(values: Mapping[str, Any], section: str) -> dict[str, Any]:
    prefix = f"{section}."
    return {
        key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)
    }


def _leaves(key: str, value: object) -> Iterator[tuple[str, object]]:
    if not is_dataclass(value):
        yield key, value
        return
    for one in fields(value):
        yield from _leaves(f"{key}.{one.name}", getattr(value, one.name))
