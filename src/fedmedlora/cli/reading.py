"""What is there, without any model: check, report."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.cli.answers import answer
from fedmedlora.durable_files import write_whole
from fedmedlora.errors import InputError, ModelError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts, site_faults
from fedmedlora.experiment.config import read_experiment, readable_sites
from fedmedlora.experiment.results import results
from fedmedlora.experiment.schema import Experiment, Model
from fedmedlora.experiment.store import RunStore
from fedmedlora.reporting.page import render_runs
from fedmedlora.training.base_models import is_local


def check(options: argparse.Namespace) -> int:
    """Say everything that is wrong with an experiment and the notes it names, or what would run."""
    try:
        experiment = read_experiment(options.experiment)
    except InputError as error:
        notes = site_faults(readable_sites(options.experiment))
        raise InputError([*error.faults, *notes]) from error
    notes = site_faults(experiment.sites, experiment.aggregation)
    cohorts = {} if notes else load_cohorts(experiment)
    if wrong := [*map(str, notes), *_model_faults(experiment, cohorts)]:
        sys.stderr.writelines(f"{line}\n" for line in wrong)
        return InputError.exit_code
    sites, model = cohorts.values(), experiment.model
    missing = _lacking(model)
    document = {
        "experiment": str(options.experiment),
        "base": {"name": model.base, "looked_up": is_local(model.base)},
        "lacking": missing,
        "sites": [_site(site) for site in sites],
    }
    verdict = f"{options.experiment}: fit to run{_if_on_the_hub(model)}{_if_elsewhere(missing)}"
    answer(options, document, [*(f"{s.name}: {s.role}, {_notes(s)}" for s in sites), verdict])
    return 0


def _lacking(model: Model) -> str | None:
    if model.quantization == "none":
        return None
    # Only who asks for it waits for torch.
    from fedmedlora.training.quantization import lacking  # noqa: PLC0415

    return lacking(model.quantization)


def _if_on_the_hub(model: Model) -> str:
    if is_local(model.base):
        return ""
    return f", if {model.base!r} is a model of the hub: that was not looked up"


def _if_elsewhere(missing: str | None) -> str:
    return f", but not on this machine: found {missing}" if missing else ""


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


def _model_faults(experiment: Experiment, cohorts: Mapping[str, Cohort]) -> list[str]:
    """Return what is wrong with a base model on this machine; a hub is not asked."""
    if not is_local(experiment.model.base):
        return []
    # Transformers takes seconds to load, which the faults of a file need not wait for.
    from fedmedlora.engines.readiness import look_up  # noqa: PLC0415

    try:
        look_up(experiment.model, annotated_types(cohorts))
    except ModelError as error:
        return [str(error)]
    return []
