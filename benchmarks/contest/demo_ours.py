"""The demo's five sites with training, on this project's engine for one machine.

Run in the folder `benchmarks`:

    python -m contest.demo_ours [FOLDER]

It prints one JSON object, see demo_figures.py; `seconds` and `notes` are of the same training as
the rivals', and besides it the run admits, averages, stores and scores one note a site and round.
"""

import re
import shutil
import time
from argparse import Namespace
from pathlib import Path

from contest.demo_figures import Ran, run_demo
from contest.demo_folder import EXPERIMENT
from fedmedlora.engines.opening import engine_of
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.run import run
from fedmedlora.experiment.store import RunStore

_CHANGES = {
    "arms": '["fed_medlora"]',
    "round_notes": "1",
    "final_notes": "1",
    "replicates": "1",
    "drawn_notes": "0",
    "workers": "2",
}


def main() -> None:
    """Measure and print the figures."""
    run_demo("fedmedlora", _run, description=__doc__, kind_of=lambda _: "worker")


def changed(text: str, rounds: int) -> str:
    """Return the demo's experiment with as many rounds, one arm, and as little scored as may be."""
    for key, value in {**_CHANGES, "rounds": f"{rounds}"}.items():
        text = re.sub(rf"(?ms)^{key} = (\[.*?\]|[^\n]*)$", f"{key} = {value}", text)
    return text


def _run(folder: Path, sites: list[str], options: Namespace) -> Ran:
    file, out = folder / "ours.toml", folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    file.write_text(
        changed((folder / EXPERIMENT).read_text("utf-8"), options.rounds), encoding="utf-8"
    )
    experiment = read_experiment(file)
    cohorts = load_cohorts(experiment)
    types = annotated_types(cohorts)
    with (
        RunStore.create(out, experiment_path=file, environment={}) as store,
        engine_of("own", experiment, cohorts, types, shelf=store.adapters, environ={}) as engine,
    ):
        began = time.perf_counter()
        run(experiment, engine, store, cohorts)
        seconds = time.perf_counter() - began
        closed = store.rounds("fed_medlora")
        final = dict(store.adapters.get(closed[-1]["adapter"]))
    if sorted(closed[0]["shares"]) != sorted(sites):
        raise SystemExit(f"found {sorted(closed[0]['shares'])}, expected {sorted(sites)}")
    return [seconds / options.rounds] * options.rounds, final


if __name__ == "__main__":
    main()
