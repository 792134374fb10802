"""A site of the demo as both rivals' straightforward clients have it: our training, no evaluation.

python -m contest.demo_site FOLDER

writes the invented hospitals, the demo's experiment and the adapter that all start from.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from fedmedlora.adapters.files import encode, open_adapter
from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.adapters.weights import AdapterWeights, moved
from fedmedlora.cli.notes import write_hospitals
from fedmedlora.engines.opening import open_local
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.spool import site_seed
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine, Participant

EXPERIMENT, START, TYPES = "demo.toml", "start.safetensors", "types.json"


def main() -> None:
    """Prepare a folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    prepare(parser.parse_args().folder)


def prepare(folder: Path) -> None:
    """Write what the sites of the demo start from, each of which will read its own notes alone."""
    write_hospitals(folder / "hospitals", seed=0, num_notes=None)
    demo = resources.files("fedmedlora.experiment").joinpath(EXPERIMENT).read_bytes()
    (folder / EXPERIMENT).write_bytes(demo)
    experiment = read_experiment(folder / EXPERIMENT)
    types = annotated_types(load_cohorts(experiment))
    (folder / TYPES).write_text(json.dumps(types), encoding="utf-8")
    (name, *_) = site_names(folder)
    (folder / START).write_bytes(encode(_opened(folder, name).initial()))


def site_names(folder: Path) -> list[str]:
    """Return the sites that train, in the order of the demo."""
    entries = read_experiment(folder / EXPERIMENT).sites_of("train")
    return [entry.path.name for entry in entries if entry.path]


def start_of(folder: Path) -> AdapterWeights:
    """Return the adapter that all start from."""
    return open_adapter(folder / START)


@dataclass(frozen=True, slots=True)
class Site:
    """A site with its base model loaded.

    Attributes:
        folder: As `prepare` left it.
        opening: Seconds that loading took.
    """

    name: str
    folder: Path
    experiment: Experiment
    engine: Engine
    opening: float

    def train(
        self, start: AdapterWeights, round_index: int, num_rounds: int
    ) -> tuple[AdapterWeights, int]:
        """Return the adapter after a round of training, and the label tokens trained on."""
        began = time.perf_counter()
        seed = site_seed(self.experiment.seed, self.name, round_index)
        plans = {self.name: LocalPlan(seed, round_index, num_rounds)}
        participant = Participant(self.name, (self.name,))
        (outcome,) = self.engine.train([participant], start, plans)
        if outcome.sent is None:
            raise SystemExit(outcome.reason)
        self._note(
            round=round_index,
            loss=outcome.sent.loss,
            num_tokens=outcome.sent.num_tokens,
            opening=self.opening,
            training=time.perf_counter() - began,
        )
        return moved(start, outcome.sent.delta), outcome.sent.num_tokens

    def _note(self, **figures: float) -> None:
        with _notes(self.folder, self.name).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"site": self.name, **figures}) + "\n")


def open_site(folder: Path, name: str) -> Site:
    """Return a site with its base model loaded."""
    began = time.perf_counter()
    experiment, engine = read_experiment(folder / EXPERIMENT), _opened(folder, name)
    return Site(name, folder, experiment, engine, time.perf_counter() - began)


def forget(folder: Path, names: Sequence[str]) -> None:
    """Take away what the sites noted in a run before."""
    for name in names:
        _notes(folder, name).unlink(missing_ok=True)


def noted(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the sites noted, in the order of rounds and names."""
    lines = [line for name in names for line in _notes(folder, name).read_text("utf-8").split("\n")]
    rows = [json.loads(line) for line in lines if line]
    return sorted(rows, key=lambda row: (row["round"], row["site"]))


def _notes(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl"


def _opened(folder: Path, name: str) -> Engine:
    whole = read_experiment(folder / EXPERIMENT)
    own = tuple(entry for entry in whole.sites if entry.path and entry.path.name == name)
    cohorts = load_cohorts(replace(whole, sites=own))
    types = tuple(json.loads((folder / TYPES).read_text("utf-8")))
    model, training, seed = whole.model, whole.training, whole.seed
    return open_local(model, training, cohorts, types, seed=seed, shelf=MemoryShelf())


if __name__ == "__main__":
    main()
