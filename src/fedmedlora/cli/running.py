"""Runs: demo, run."""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from fedmedlora.cli.answers import answer
from fedmedlora.cli.notes import write_hospitals
from fedmedlora.cli.reading import write_report
from fedmedlora.durable_files import write_whole
from fedmedlora.engines.opening import engine_of
from fedmedlora.engines.readiness import look_up
from fedmedlora.errors import (
    EngineError,
    Fault,
    FedMedLoRAError,
    InputError,
    LedgerError,
    ModelError,
    QuorumError,
)
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.database import has_run
from fedmedlora.experiment.environment import environment
from fedmedlora.experiment.plan import missing_arms, models_to_open
from fedmedlora.experiment.run import conclude
from fedmedlora.experiment.run import run as run_experiment
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.sending import asks_endpoint, endpoint_key
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.used_models import used_models
from fedmedlora.federation.engine import Engine
from fedmedlora.federation.notary import NOBODY, Notary
from fedmedlora.privacy.packages import require_packages
from fedmedlora.privacy.spending import Spending
from fedmedlora.training.quantization import require_quantization

_DEMO = "demo.toml"
_BESIDE = "demo_markup.json"
"""What the same hospitals gave in mark-up: measured once, for the report's appendix."""
_DEMO_SEED = 0
_GOING_ON = (QuorumError, ModelError, EngineError, LedgerError)
"""What ends the arms of one model, but not those of another."""


def demo(options: argparse.Namespace) -> int:
    """Write the invented hospitals, run the bundled experiment on them, make the report."""
    out: Path = options.out
    begun = has_run(out)
    package = resources.files("fedmedlora.experiment")
    bundled = package.joinpath(_DEMO).read_bytes()
    if not begun:
        write_hospitals(out / "hospitals", seed=_DEMO_SEED, num_notes=None)
        write_whole(out / _DEMO, bundled)
    # Of a demo of another version, or one changed by hand, nothing is known beside it.
    same = (out / _DEMO).read_bytes() == bundled
    beside = json.loads(package.joinpath(_BESIDE).read_text("utf-8")) if same else None
    _run(options, read_experiment(out / _DEMO), out / _DEMO, out, resume=begun, beside=beside)
    return 0


def run(options: argparse.Namespace) -> int:
    """Run an experiment, or go on with it."""
    experiment = read_experiment(options.experiment)
    out = options.out or Path("runs") / experiment.name
    arms = options.arms.split(",") if options.arms else None
    if unknown := sorted(set(arms or ()) - set(experiment.arms)):
        expected = f"some of {', '.join(experiment.arms)}"
        raise InputError([Fault("--arms", ", ".join(map(repr, unknown)), expected)])
    _run(options, experiment, options.experiment, out, resume=options.resume, arms=arms)
    return 0


def _run(
    options: argparse.Namespace,
    experiment: Experiment,
    file: Path,
    out: Path,
    *,
    resume: bool,
    arms: Sequence[str] | None = None,
    beside: Mapping[str, Any] | None = None,
) -> None:
    cohorts = load_cohorts(experiment)
    if not resume and not has_run(out):
        # A run without its models must not begin: it could only go on without them.
        require_quantization(experiment.model.quantization)
        require_packages(experiment.privacy.mode)
        if experiment.audit.is_on:
            # Only who asks for it needs its packages.
            import fedmedlora.engines.rehearsal  # noqa: F401, PLC0415
        chosen = replace(experiment, arms=tuple(arms or experiment.arms))
        for model in used_models(chosen).values():
            look_up(model, annotated_types(cohorts))
        if asks_endpoint(chosen.arms):
            endpoint_key(experiment.endpoint, os.environ)
    with _store(experiment, file, out, resume=resume) as store:
        if beside and store.meta("beside") is None:
            store.put_meta("beside", beside)
        try:
            _go_on(experiment, store, cohorts, arms)
        except _GOING_ON:
            # What could be run is worth a look while the others are mended.
            if store.arms():
                _report(options, out)
            raise
        _report(options, out)


def _report(options: argparse.Namespace, out: Path) -> None:
    report = out / "report.html"
    write_report([out], report)
    places = {"run": str(out), "report": str(report), "results": str(out / "results.json")}
    answer(options, places, [str(report)])


def _go_on(
    experiment: Experiment,
    store: RunStore,
    cohorts: Mapping[str, Cohort],
    arms: Sequence[str] | None,
) -> None:
    if not missing_arms(experiment, store, cohorts, only=arms):
        conclude(experiment, store, cohorts)
        return
    types = annotated_types(cohorts)
    if store.meta("types") is None:
        store.put_meta("types", types)
    failures: list[FedMedLoRAError] = []
    models = models_to_open(experiment, store, cohorts, only=arms)
    if "endpoint" in models:
        # Hours of other arms must not end in a key that is missing.
        endpoint_key(experiment.endpoint, os.environ)
    for model in models:
        try:
            with (
                engine_of(
                    model,
                    experiment,
                    cohorts,
                    types,
                    shelf=store.adapters,
                    spending=Spending(store.folder),
                    environ=os.environ,
                ) as engine,
                _notary(experiment, engine, store, cohorts) as notary,
            ):
                run_experiment(
                    experiment, engine, store, cohorts, only=arms, model=model, notary=notary
                )
        except _GOING_ON as error:
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise QuorumError("\n".join(map(str, failures)))


def _notary(
    experiment: Experiment, engine: Engine, store: RunStore, cohorts: Mapping[str, Cohort]
) -> AbstractContextManager[Notary]:
    if not experiment.audit.is_on:
        return nullcontext(NOBODY)
    # Only who asks for it needs its packages.
    from fedmedlora.engines.rehearsal import rehearsal  # noqa: PLC0415

    return rehearsal(experiment, engine, store, cohorts)


def _store(experiment: Experiment, file: Path, out: Path, *, resume: bool) -> RunStore:
    if not resume:
        return RunStore.create(out, experiment_path=file, environment=environment())
    store = RunStore.open(out, writable=True)
    try:
        store.require_same(experiment)
    except InputError:
        store.close()
        raise
    return store
