"""The cells of a study, and the experiment that each of them runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.config import parse_experiment
from fedmedlora.experiment.toml_reading import parse_toml
from fedmedlora.formats.site_folder import read_site, write_site
from fedmedlora.study.change import Site, Sites, change_kinds
from fedmedlora.study.schema import TOGETHER, Change, Setting, Study, Variant

_SITES = "sites."
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a study: some arms, once.

    Attributes:
        arms: They run together, in one process.
        values: Of the experiment, by dotted key, said otherwise than in its file.
        changes: Of its sites.
    """

    setting: str
    variant: str
    arms: tuple[str, ...]
    seed: int
    experiment: Path
    values: Values
    changes: tuple[Change, ...]

    @property
    def name(self) -> str:
        """Return what its file is called, below the folder of cells and without the ending."""
        return f"{self.setting}/{self.variant}.{TOGETHER.join(self.arms)}.seed{self.seed}"

    def told(self) -> dict[str, Any]:
        """Return what it was told, as JSON has it: what a kept cell must agree with."""
        changes = [{"kind": one.kind, **_plain(asdict(one.settings))} for one in self.changes]
        own = {"setting": self.setting, "variant": self.variant, "arms": list(self.arms)}
        told = {**own, "seed": self.seed, "values": dict(self.values), "changes": changes}
        # As it is read back, where a tuple is a list.
        return dict(json.loads(json.dumps(told)))


def cells_of(setting: Setting, chosen: Mapping[str, Variant] | None = None) -> Iterator[Cell]:
    """Yield the cells of a setting, variant by variant.

    Args:
        chosen: The trial that is taken over for an arm.
    """
    for variant in setting.variants:
        for group in setting.arms:
            if variant.arms and group not in variant.arms:
                continue
            tuned = (chosen or {}).get(group, Variant())
            for seed in setting.seeds:
                yield Cell(
                    setting.name,
                    variant.name,
                    tuple(group.split(TOGETHER)),
                    seed,
                    setting.experiment,
                    {**setting.values, **tuned.values, **variant.values},
                    (*setting.changes, *variant.changes),
                )


def require_right(study: Study) -> None:
    """Return if every cell's experiment can be read.

    Raises:
        InputError: What is wrong, each fault once, with the first cell that shows it.
    """
    faults: dict[tuple[str, str], Fault] = {}
    for setting in study.settings:
        for cell in cells_of(setting):
            try:
                text = experiment_text(cell, _said_sites(cell, template(cell.experiment)))
                parse_experiment(text, name=f"cell {cell.name}", folder=cell.experiment.parent)
            except InputError as error:
                for fault in error.faults:
                    faults.setdefault((setting.name, fault.where.rpartition(": ")[2]), fault)
    if faults:
        raise InputError(list(faults.values()))


def template(path: Path) -> dict[str, Any]:
    """Return the tables of the experiment's file that cells begin from.

    Raises:
        InputError: It cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Fault(str(path), "no readable text", "an experiment")]) from error
    return parse_toml(text, name=str(path))


def write_experiment(cell: Cell, folder: Path) -> Path:
    """Return the experiment's file of a cell, with changed sites beside it.

    Raises:
        InputError: A site cannot be read, or the changes do not fit the sites.
    """
    tables = template(cell.experiment)
    entries = _said_sites(cell, tables)
    if cell.changes:
        entries = _write_sites(changed_sites(cell, entries), folder / "sites")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "experiment.toml"
    path.write_text(experiment_text(cell, entries), encoding="utf-8")
    return path


def changed_sites(cell: Cell, entries: Sequence[Mapping[str, Any]]) -> Sites:
    """Return a cell's sites as they are after its changes.

    Raises:
        InputError: A site cannot be read, or a change does not fit the sites.
    """
    read = [(read_site(Path(each["path"]), required=_required(each)), each) for each in entries]
    sites: Sites = {
        notes.name: Site(notes, {key: value for key, value in each.items() if key != "path"})
        for notes, each in read
    }
    for index, change in enumerate(cell.changes):
        try:
            sites = change_kinds()[change.kind].apply(sites, change.settings)
        except ValueError as error:
            found, _, expected = str(error).partition(", expected ")
            where = f"cell {cell.name}: changes[{index}] ({change.kind})"
            raise InputError([Fault(where, found.removeprefix("found "), expected)]) from error
    return sites


def experiment_text(cell: Cell, entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the experiment of a cell as TOML."""
    tables = {key: value for key, value in template(cell.experiment).items() if key != "sites"}
    flat = dict(_flat(tables))
    flat |= {key: value for key, value in cell.values.items() if not key.startswith(_SITES)}
    # A process of a cell has one core; how many there are changes no byte.
    own = {"name": cell.setting, "seed": cell.seed, "arms": list(cell.arms)}
    flat |= {f"experiment.{key}": value for key, value in own.items()}
    flat |= {"training.num_threads": 1, "engine.workers": 1}
    if str(flat.get("model.base", "")).startswith("."):
        flat["model.base"] = str((cell.experiment.parent / str(flat["model.base"])).resolve())
    sections: dict[str, list[str]] = {}
    for key, value in flat.items():
        section, _, name = key.rpartition(".")
        sections.setdefault(section, []).append(f"{name} = {json.dumps(value)}")
    lines = [line for section, own in sections.items() for line in (f"[{section}]", *own, "")]
    for entry in entries:
        lines += ["[[sites]]", *(f"{key} = {json.dumps(entry[key])}" for key in entry), ""]
    return "\n".join(lines)


def _said_sites(cell: Cell, tables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sites of an experiment with what a cell says of them, folders absolute.

    Raises:
        InputError: The cell says something of a site that there is not.
    """
    folder = cell.experiment.parent
    entries = {
        Path(each["path"]).name: {**each, "path": str((folder / each["path"]).resolve())}
        for each in tables.get("sites", [])
    }
    for key, value in cell.values.items():
        if not key.startswith(_SITES):
            continue
        site, _, name = key.removeprefix(_SITES).partition(".")
        if site not in entries:
            where = f"cell {cell.name}: values.{key}"
            raise InputError([Fault(where, f"site {site!r}", f"one of {', '.join(entries)}")])
        entries[site][name] = value
    return list(entries.values())


def _required(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return ("dev",) if entry.get("role") == "server" else ("train", "dev")


def _write_sites(sites: Sites, folder: Path) -> list[dict[str, Any]]:
    entries = []
    for name, site in sites.items():
        write_site(folder / name, site.notes)
        entries.append({"path": str((folder / name).resolve()), **site.entry})
    return entries


def _flat(tables: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tables.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Return values as JSON has them; of a folder only its name, for it may lie elsewhere."""
    return {key: value.name if isinstance(value, Path) else value for key, value in values.items()}
