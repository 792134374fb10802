"""Runs: demo, check, run, report."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from fedmedlora.cli.notes import write_hospitals
from fedmedlora.engines.opening import open_local
from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.environment import environment
from fedmedlora.experiment.results import results
from fedmedlora.experiment.run import run as run_experiment
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.reporting.page import render_runs

_DEMO_SEED = 0


def demo(options: argparse.Namespace) -> int:
    """Write the invented hospitals, run the bundled experiment on them, make the report."""
    out: Path = options.out
    file = out / "demo.toml"
    begun = file.exists()
    if not begun:
        write_hospitals(out / "hospitals", seed=_DEMO_SEED, num_notes=None)
        with resources.as_file(resources.files("fedmedlora.experiment") / "demo.toml") as bundled:
            shutil.copyfile(bundled, file)
    _run(read_experiment(file), file, out, resume=begun, arms=None)
    return 0


def check(options: argparse.Namespace) -> int:
    """Read an experiment and every note it names; say what would run."""
    experiment = read_experiment(options.experiment)
    cohorts = load_cohorts(experiment)
    for site in cohorts.values():
        sys.stdout.write(f"{site.name}: {site.role}, {len(site.train)} training notes\n")
    sys.stdout.write(f"{options.experiment}: fit to run\n")
    return 0


def run(options: argparse.Namespace) -> int:
    """Run an experiment, or go on with it."""
    experiment = read_experiment(options.experiment)
    out = options.out or Path("runs") / experiment.name
    arms = options.arms.split(",") if options.arms else None
    if unknown := sorted(set(arms or ()) - set(experiment.arms)):
        expected = f"some of {', '.join(experiment.arms)}"
        raise InputError([Fault("--arms", ", ".join(unknown), expected)])
    _run(experiment, options.experiment, out, resume=options.resume, arms=arms)
    return 0


def report(options: argparse.Namespace) -> int:
    """Write one page of one or more runs."""
    out = options.out or options.runs[0] / "report.html"
    _write_report(options.runs, out)
    return 0


def _run(
    experiment: Experiment, file: Path, out: Path, *, resume: bool, arms: Sequence[str] | None
) -> None:
    cohorts = load_cohorts(experiment)
    with _store(experiment, file, out, resume=resume) as store:
        types = annotated_types(cohorts)
        engine = open_local(
            experiment.model, experiment.training, cohorts, types, seed=experiment.seed
        )
        store.put_meta("types", types)
        store.put_meta("base", engine.base)
        run_experiment(experiment, engine, store, cohorts, only=arms)
    _write_report([out], out / "report.html")


def _store(experiment: Experiment, file: Path, out: Path, *, resume: bool) -> RunStore:
    if not resume:
        return RunStore.create(out, experiment_path=file, environment=environment())
    store = RunStore.open(out, writable=True)
    store.require_same(experiment)
    return store


def _write_report(runs: Sequence[Path], out: Path) -> None:
    pages = []
    for folder in runs:
        with RunStore.open(folder) as store:
            drawn = [note for notes in store.drawn().values() for note in notes]
            pages.append((results(store), drawn))
    out.write_text(render_runs(pages), encoding="utf-8")
    sys.stdout.write(f"{out}\n")
