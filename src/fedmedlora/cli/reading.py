"""What is there, without any model: check, report."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fedmedlora.cli.answers import answer
from fedmedlora.durable_files import write_whole
from fedmedlora.errors import InputError, ModelError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import load_cohorts, site_faults
from fedmedlora.experiment.config import read_experiment, readable_sites
from fedmedlora.experiment.results import results
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.reporting.page import render_runs
from fedmedlora.training.base_models import find_base_model


def check(options: argparse.Namespace) -> int:
    """Say everything that is wrong with an experiment and the notes it names, or what would run."""
    try:
        experiment = read_experiment(options.experiment)
    except InputError as error:
        notes = site_faults(readable_sites(options.experiment))
        raise InputError([*error.faults, *notes]) from error
    if wrong := [
        *map(str, site_faults(experiment.sites, experiment.aggregation)),
        *_model_faults(experiment),
    ]:
        sys.stderr.writelines(f"{line}\n" for line in wrong)
        return InputError.exit_code
    sites = load_cohorts(experiment).values()
    base, is_here = experiment.model.base, _is_local(experiment.model.base)
    document = {
        "experiment": str(options.experiment),
        "base": {"name": base, "looked_up": is_here},
        "sites": [_site(site) for site in sites],
    }
    fit = f"{options.experiment}: fit to run"
    asked = "" if is_here else f", if {base!r} is a model of the hub: that was not looked up"
    answer(options, document, [*(f"{s.name}: {s.role}, {_notes(s)}" for s in sites), fit + asked])
    return 0


def _is_local(base: str) -> bool:
    return base == "minilm" or Path(base).is_absolute()


def _site(site: Cohort) -> dict[str, Any]:
    """Return what a site brings, ready for JSON."""
    notes = {"train": len(site.train), "dev": len(site.dev), site.final_split: len(site.final)}
    return {"site": site.name, "role": site.role, "notes": notes, "sha256": site.sha256}


def _notes(site: Cohort) -> str:
    """Return what a site brings; the server's digest as it can be pinned in the experiment."""
    if site.role == "server":
        return f'{len(site.dev)} validation notes, sha256 = "{site.sha256}"'
    return f"{len(site.train)} training notes"


def report(options: argparse.Namespace) -> int:
    """Write one page of one or more runs."""
    out = options.out or options.runs[0] / "report.html"
    write_report(options.runs, out)
    answer(options, {"report": str(out)}, [str(out)])
    return 0


def write_report(runs: Sequence[Path], out: Path) -> None:
    """Write one page of some runs.

    Raises:
        OSError: It cannot be written; a page that was there before is kept.
    """
    pages = []
    for folder in runs:
        with RunStore.open(folder) as store:
            drawn = [note for notes in store.drawn().values() for note in notes]
            pages.append((results(store), drawn))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, render_runs(pages).encode())


def _model_faults(experiment: Experiment) -> list[str]:
    """Return what is wrong with a base model on this machine; a hub is not asked."""
    base = experiment.model.base
    if not _is_local(base):
        return []
    try:
        find_base_model(base)
    except ModelError as error:
        return [str(error)]
    return []
