"""A folder with the invented hospitals and the demo's experiment, of which a site reads its own.

Nothing here loads torch: what runs beside the sites shall not.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from fedmedlora.adapters.files import encode, open_adapter
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.cli.notes import write_hospitals
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.schema import Experiment

KINDS = ("plain", "ours")
"""How the sites of a rival train."""

EXPERIMENT = "demo.toml"
_TYPES = "types.json"


def write_folder(folder: Path) -> None:
    """Write the hospitals, the experiment, and the types that all sites annotate together."""
    write_hospitals(folder / "hospitals", seed=0, num_notes=None)
    demo = resources.files("fedmedlora.experiment").joinpath(EXPERIMENT).read_bytes()
    (folder / EXPERIMENT).write_bytes(demo)
    types = annotated_types(load_cohorts(experiment_of(folder)))
    (folder / _TYPES).write_text(json.dumps(types), encoding="utf-8")


def experiment_of(folder: Path) -> Experiment:
    """Return the demo's experiment."""
    return read_experiment(folder / EXPERIMENT)


def types_of(folder: Path) -> tuple[str, ...]:
    """Return all types that will be asked for."""
    return tuple(json.loads((folder / _TYPES).read_text("utf-8")))


def site_names(folder: Path) -> list[str]:
    """Return the sites that train, in the order of the demo."""
    entries = experiment_of(folder).sites_of("train")
    return [entry.path.name for entry in entries if entry.path]


def own_notes(folder: Path, name: str) -> Mapping[str, Cohort]:
    """Return the notes of one site."""
    whole = experiment_of(folder)
    own = tuple(entry for entry in whole.sites if entry.path and entry.path.name == name)
    return load_cohorts(replace(whole, sites=own))


def write_starts(folder: Path, starts: Mapping[str, AdapterWeights]) -> None:
    """Write, by kind, the adapter that all start from."""
    for kind in KINDS:
        start_file(folder, kind).write_bytes(encode(starts[kind]))


def is_prepared(folder: Path) -> bool:
    """Return whether all was written."""
    return all(start_file(folder, kind).exists() for kind in KINDS)


def start_file(folder: Path, kind: str) -> Path:
    """Return the file of the adapter that all start from."""
    return folder / f"start-{kind}.safetensors"


def start_of(folder: Path, kind: str) -> AdapterWeights:
    """Return the adapter that all start from."""
    return open_adapter(start_file(folder, kind))


def note(folder: Path, name: str, **figures: float) -> None:
    """Add what a site's round took."""
    with _notes(folder, name).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"site": name, **figures}) + "\n")


def forget(folder: Path, names: Sequence[str]) -> None:
    """Take away what the sites noted in a run before."""
    for name in names:
        _notes(folder, name).unlink(missing_ok=True)


def noted(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the sites noted, in the order of rounds and names."""
    files = [file for name in names if (file := _notes(folder, name)).exists()]
    rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    return sorted(rows, key=lambda row: (row["round"], row["site"]))


def _notes(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl"
