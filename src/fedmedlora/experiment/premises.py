"""What a run rests on: a base model, a number format, the sites' notes."""

from collections.abc import Mapping
from typing import Any

from fedmedlora.adapters.weights import num_parameters
from fedmedlora.errors import Fault, InputError, ModelError
from fedmedlora.evaluation.cohorts import SiteFacts
from fedmedlora.experiment.baselines import ModelName
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.engine import Engine
from fedmedlora.tasks.kind import task_kinds

_BYTES_A_PARAMETER = 4


def settle(
    model: ModelName,
    experiment: Experiment,
    engine: Engine,
    store: RunStore,
    facts: Mapping[str, SiteFacts],
) -> None:
    """Record what a new run rests on; a run that goes on must rest on the same.

    Args:
        model: Whose engine it is.

    Raises:
        InputError: The run began with other notes.
        ModelError: The run began with another base model, or in another number format.
    """
    _settle_notes(experiment, store, facts)
    _settle_model(model, engine, store)
    if model == "own":
        sites = [_site(site, engine, experiment) for site in facts.values()]
        store.put_meta("sites", sites)


def _settle_model(model: ModelName, engine: Engine, store: RunStore) -> None:
    known: dict[str, Any] = store.meta("models") or {}
    before = known.get(model, {})
    if before.get("base") not in (None, engine.base):
        raise ModelError(
            f"{store.folder}: found base model {engine.base}, expected {before['base']}, as the "
            "run began; put that base back, or start a new run with another --out"
        )
    if before.get("dtype") not in (None, engine.dtype):
        raise ModelError(
            f"{store.folder}: found {engine.dtype} on this machine, expected {before['dtype']}, as "
            "the run began; go on where it began, or start a new run with another --out"
        )
    told = {"base": engine.base, "dtype": engine.dtype, **_communication(engine)}
    store.put_meta("models", {**known, model: told})


def _settle_notes(experiment: Experiment, store: RunStore, facts: Mapping[str, SiteFacts]) -> None:
    notes = {name: site.sha256 for name, site in facts.items()}
    before = store.meta("notes") or notes
    # Between hospitals a site may join late, or leave for good.
    if list(notes) != list(before) and not experiment.sites_elsewhere():
        found, began = ", ".join(notes), ", ".join(before)
        advice = "put [[sites]] back into that order, or begin anew with another --out"
        raise InputError([Fault(f"{store.folder}: sites", found, began, advice)])
    if changed := [name for name in notes if notes[name] != before.get(name, notes[name])]:
        found = "other notes, or another site.json"
        expected, advice = "what the run began with", "begin anew with another --out"
        raise InputError(
            [Fault(f"{store.folder}: {name}", found, expected, advice) for name in changed]
        )
    store.put_meta("notes", {**before, **notes})


def _site(site: SiteFacts, engine: Engine, experiment: Experiment) -> dict[str, Any]:
    final_notes = experiment.evaluation.final_notes
    ceiling = engine.ceiling(site.name, "final", limit=final_notes)
    return {
        "name": site.name,
        "role": site.role,
        "public": site.public,
        **site.labels.told(),
        "notes": {
            **{use: site.num_notes[use] for use in ("train", "held_out", "dev")},
            site.final_split: site.num_notes["final"],
        },
        "ceiling": {
            name: ceiling.part(part).matched("strict").recall
            for name, part in task_kinds()[experiment.model.task].ceilings.items()
        },
    }


def _communication(engine: Engine) -> dict[str, float | None]:
    adapter_bytes = _BYTES_A_PARAMETER * num_parameters(engine.initial())
    return {
        "full_model_bytes": engine.num_base_bytes,
        "adapter_bytes": adapter_bytes,
        "saving": 1 - adapter_bytes / engine.num_base_bytes if engine.num_base_bytes else None,
    }
