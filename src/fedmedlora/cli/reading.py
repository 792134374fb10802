"""What is there, without any model: check, report."""

import argparse
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.cli.answers import answer
from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.durable_files import write_whole
from fedmedlora.errors import Fault, InputError, ModelError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts, site_faults, with_own_notes
from fedmedlora.experiment.config import read_experiment, readable_sites
from fedmedlora.experiment.results import results
from fedmedlora.experiment.schema import Experiment, Model
from fedmedlora.experiment.sending import asks_endpoint, endpoint_key, is_asked_about
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.used_models import used_models
from fedmedlora.reporting.page import render_runs
from fedmedlora.training.base_models import is_local


def check(options: argparse.Namespace) -> int:
    """Say everything that is wrong with an experiment and the notes it names, or what would run."""
    try:
        experiment = read_experiment(options.experiment)
    except InputError as error:
        notes = site_faults(readable_sites(options.experiment))
        raise InputError([*error.faults, *notes]) from error
    cohorts, faults = _sites(experiment)
    told = (*faults, *_key_faults(experiment))
    models = used_models(experiment)
    if wrong := [*map(str, told), *_model_faults(models.values(), cohorts)]:
        sys.stderr.writelines(f"{line}\n" for line in wrong)
        return InputError.exit_code
    sites, missing = cohorts.values(), _lacking(experiment.model)
    sending = _sending(experiment, sites)
    elsewhere = [site.name for site in experiment.sites if site.name and site.name not in cohorts]
    bases = {name: _base(model) for name, model in models.items()}
    document = {
        "experiment": str(options.experiment),
        "base": bases["own"],
        "bases": bases,
        "lacking": missing,
        "sends_notes_to": sending,
        "sites": [_site(site) for site in sites],
        "elsewhere": elsewhere,
    }
    conditions = f"{_if_on_the_hub(models.values())}{_if_elsewhere(missing)}"
    verdict = f"{options.experiment}: fit to run{conditions}{_if_sending(sending)}"
    here = [f"{site.name}: {site.role}, {_notes(site)}" for site in sites]
    answer(options, document, [*here, *(f"{name}: elsewhere" for name in elsewhere), verdict])
    return 0


def _sites(experiment: Experiment) -> tuple[Mapping[str, Cohort], Sequence[Fault]]:
    """Return the sites of an experiment whose notes are at hand, or what is wrong with them."""
    try:
        return load_cohorts(with_own_notes(experiment)), ()
    except InputError as error:
        return {}, error.faults


def _key_faults(experiment: Experiment) -> Sequence[Fault]:
    """Return what is wrong with the key of an endpoint that would be asked."""
    if not asks_endpoint(experiment.arms):
        return ()
    try:
        endpoint_key(experiment.endpoint, os.environ)
    except InputError as error:
        return error.faults
    return ()


def _sending(experiment: Experiment, sites: Collection[Cohort]) -> dict[str, Any] | None:
    """Return where notes would be sent, and those of which sites; None where nobody is asked."""
    if not asks_endpoint(experiment.arms):
        return None
    asked = [site.name for site in sites if is_asked_about(site.role)]
    return {"url": experiment.endpoint.url, "sites": asked}


def _if_sending(sending: Mapping[str, Any] | None) -> str:
    if sending is None:
        return ""
    return f"; sends the notes of {len(sending['sites'])} sites to {sending['url']}"


def _lacking(model: Model) -> str | None:
    if model.quantization == "none":
        return None
    # Only who asks for it waits for torch.
    from fedmedlora.training.quantization import lacking  # noqa: PLC0415

    return lacking(model.quantization)


def _base(model: Model) -> dict[str, Any]:
    return {"name": model.base, "looked_up": is_local(model.base)}


def _if_on_the_hub(models: Collection[Model]) -> str:
    names = dict.fromkeys(model.base for model in models if not is_local(model.base))
    if not names:
        return ""
    conditions = " and ".join(f"{name!r} is a model of the hub" for name in names)
    return f", if {conditions}: that was not looked up"


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


def _model_faults(models: Collection[Model], cohorts: Mapping[str, Cohort]) -> list[str]:
    """Return what is wrong with the base models on this machine; a hub is not asked."""
    faults = [_fault(model, cohorts) for model in models if is_local(model.base)]
    # Two arms' models may have one base.
    return list(dict.fromkeys(fault for fault in faults if fault is not None))


def _fault(model: Model, cohorts: Mapping[str, Cohort]) -> str | None:
    # Transformers takes seconds to load, which the faults of a file need not wait for.
    from fedmedlora.engines.readiness import look_up  # noqa: PLC0415

    try:
        # What sites elsewhere annotate is known once they take part: until then it may be all.
        look_up(model, annotated_types(cohorts) or (*MAIN_TYPES, *RELATION_TYPES))
    except ModelError as error:
        return str(error)
    return None
