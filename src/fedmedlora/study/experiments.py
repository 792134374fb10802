"""The experiment that a cell runs: its file with what the cell says otherwise, its sites changed.

A run of a cell has one process with one thread on this machine, whatever the file says; where and
on how many processes it runs changes no byte.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.config import parse_experiment
from fedmedlora.experiment.schema import Evaluation, Model
from fedmedlora.experiment.toml_reading import parse_toml
from fedmedlora.experiment.toml_values import show
from fedmedlora.formats.site_folder import read_site, write_site
from fedmedlora.study.cells import Cell
from fedmedlora.study.change import Site, Sites, change_kinds, read_entry
from fedmedlora.study.toml_writing import toml

Tables = dict[str, Any]

_SITES = "sites."
_BASES = ("model", "bert")
_SPARE_DRAWS = 20
"""More draws than notes by so many, and the draws tell the notes apart."""


def template(path: Path) -> Tables:
    """Return the tables of the experiment's file that cells begin from.

    Raises:
        InputError: It cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Fault(str(path), "no readable text", "an experiment")]) from error
    return parse_toml(text, name=str(path))


def told(cell: Cell) -> dict[str, Any]:
    """Return everything that a cell was told, as JSON has it: what a kept cell must agree with.

    Of a folder only its name, for it may lie elsewhere.

    Raises:
        InputError: The experiment's file cannot be read, or the cell does not fit it.
    """
    changes = [{"kind": one.kind, **_plain(asdict(one.settings))} for one in cell.changes]
    everything = {
        "setting": cell.setting,
        "variant": cell.variant,
        "arms": cell.arms,
        "seed": cell.seed,
        "values": dict(cell.values),
        "changes": changes,
        "experiment": _tables(cell, lambda folder: Path(folder).name),
    }
    # As it is read back, where a tuple is a list.
    return dict(json.loads(json.dumps(everything)))


def require_right(cells: Iterable[Cell]) -> None:
    """Return if each cell's experiment can be read, extracts, and its draws tell notes apart.

    Raises:
        InputError: What is wrong, each fault once a setting, with the first cell that shows it.
    """
    faults: dict[tuple[str, str], Fault] = {}
    for cell in cells:
        name = f"cell {cell.name}"
        try:
            text, folder = toml(_tables(cell)), cell.experiment.parent
            read = parse_experiment(text, name=name, folder=folder)
            of_cell = [*_few_draws(read.evaluation, name), *_other_task(read.model, name)]
        except InputError as error:
            of_cell = list(error.faults)
        for fault in of_cell:
            faults.setdefault((cell.setting, fault.where.removeprefix(name)), fault)
    if faults:
        raise InputError(list(faults.values()))


def require_sites(cells: Iterable[Cell]) -> None:
    """Return if the sites of every cell can be read and changed as it says.

    Raises:
        InputError: What is wrong, each fault once.
    """
    faults: dict[str, Fault] = {}
    seen: set[str] = set()
    read = cache(read_site)
    for cell in cells:
        entries = _tables(cell).get("sites", [])
        kind = repr((cell.setting, cell.variant, entries))
        if kind in seen:
            continue
        seen.add(kind)
        try:
            changed_sites(cell, entries, read=read)
        except InputError as error:
            faults |= {str(fault): fault for fault in error.faults if str(fault) not in faults}
    if faults:
        raise InputError(list(faults.values()))


def write_experiment(cell: Cell, folder: Path) -> Path:
    """Return the experiment's file of a cell, with changed sites beside it.

    Raises:
        InputError: A site cannot be read, or the changes do not fit the sites.
        StoreError: The disk refuses a site.
    """
    tables = _tables(cell)
    # How sure it is, no table of a study asks, and it takes reading notes once more.
    tables["evaluation"] = {"calibration_notes": 0, **tables.get("evaluation", {})}
    if cell.changes:
        changed = changed_sites(cell, tables["sites"])
        tables["sites"] = _written(changed, folder / "sites")
    path = folder / "experiment.toml"
    path.write_text(toml(tables), encoding="utf-8")
    return path


def changed_sites(
    cell: Cell, entries: Iterable[Mapping[str, Any]], *, read: Callable[..., Any] = read_site
) -> Sites:
    """Return a cell's sites as they are after its changes, by name.

    Args:
        entries: What the experiment says of each, folders absolute.
        read: Reads a site's folder.

    Raises:
        InputError: A site cannot be read, two have one name, or a change does not fit the sites.
    """
    sites: dict[str, Site] = {}
    faults: list[Fault] = []
    for entry in entries:
        try:
            site = read_entry(entry, read=read)
        except InputError as error:
            faults += error.faults
            continue
        if site.notes.name in sites:
            where = f"{entry['path']}/site.json: site"
            faults.append(Fault(where, f"{site.notes.name!r} twice", "a name for each site"))
        sites[site.notes.name] = site
    if faults:
        raise InputError(faults)
    changed: Sites = sites
    for index, change in enumerate(cell.changes):
        try:
            changed = change_kinds()[change.kind].apply(changed, change.settings)
        except ValueError as error:
            found, _, expected = str(error).partition(", expected ")
            where = f"{cell.setting}/{cell.variant}: changes[{index}] ({change.kind})"
            raise InputError([Fault(where, found.removeprefix("found "), expected)]) from error
    return changed


def _tables(cell: Cell, place: Callable[[str], str] | None = None) -> Tables:
    """Return the experiment of a cell as a run takes it.

    Args:
        place: Where a folder that the file names is; beside the file where None.
    """
    beside = cell.experiment.parent
    tables = _placed(_said(cell), place or (lambda folder: str((beside / folder).resolve())))
    own = {"name": cell.setting, "seed": cell.seed, "arms": list(cell.arms)}
    for key, value in own.items():
        _put(tables, f"experiment.{key}", value, cell)
    _put(tables, "training.num_threads", 1, cell)
    tables["engine"] = {}
    return tables


def _said(cell: Cell) -> Tables:
    """Return the tables of a cell's file with its own values in them."""
    tables = template(cell.experiment)
    for key, value in cell.values.items():
        if key.startswith(_SITES):
            site, _, name = key.removeprefix(_SITES).partition(".")
            _put(_entry_of(site, tables, f"cell {cell.name}: values.{key}"), name, value, cell)
        else:
            _put(tables, key, value, cell)
    return tables


def _entry_of(site: str, tables: Tables, where: str) -> Tables:
    """Return what is said of the site whose folder is called so.

    Raises:
        InputError: There is none, or several.
    """
    listed = tables.get("sites")
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    names = [Path(str(one.get("path", ""))).name for one in entries]
    if names.count(site) != 1:
        found = f"{names.count(site)} folders {site!r}"
        raise InputError([Fault(where, found, f"one of {', '.join(names)}, each once")])
    return entries[names.index(site)]


def _put(tables: Tables, key: str, value: object, cell: Cell) -> None:
    *above, last = key.split(".")
    for name in above:
        below = tables.setdefault(name, {})
        if not isinstance(below, dict):
            fault = Fault(f"cell {cell.name}: {name}", show(below), "a table of keys and values")
            raise InputError([fault])
        tables = below
    tables[last] = value


def _placed(tables: Tables, place: Callable[[str], str]) -> Tables:
    """Return tables with each folder put where `place` says; the reader tells what is no folder."""
    placed = dict(tables)
    for section in _BASES:
        table = tables.get(section)
        if isinstance(table, dict) and str(table.get("base", "")).startswith((".", "/")):
            placed[section] = {**table, "base": place(str(table["base"]))}
    if isinstance(sites := tables.get("sites"), list):
        placed["sites"] = [
            {**one, "path": place(one["path"])}
            if isinstance(one, dict) and isinstance(one.get("path"), str)
            else one
            for one in sites
        ]
    return placed


def _few_draws(evaluation: Evaluation, name: str) -> list[Fault]:
    least = evaluation.final_notes + _SPARE_DRAWS
    if evaluation.replicates >= least:
        return []
    expected = f"at least {least}, {_SPARE_DRAWS} more than final_notes"
    where = f"{name}: [evaluation].replicates"
    return [Fault(where, show(evaluation.replicates), expected, "or set final_notes lower")]


def _other_task(model: Model, name: str) -> list[Fault]:
    if model.task == "extract":
        return []
    expected = '"extract", whose figures a study tells'
    return [Fault(f"{name}: [model].task", show(model.task), expected, "run it by itself")]


def _written(sites: Sites, folder: Path) -> list[Tables]:
    entries = []
    for name, site in sites.items():
        write_site(folder / name, site.notes)
        # A site that was cut in parts is no longer called what the experiment calls it.
        own = {key: value for key, value in site.entry.items() if key != "name"}
        entries.append({"path": str((folder / name).resolve()), **own})
    return entries


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {key: value.name if isinstance(value, Path) else value for key, value in values.items()}
