"""A federation as the page shows it, while it runs and after: numbers of its store, no notes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedmedlora.experiment.privacy_told import privacy_told
from fedmedlora.experiment.results import results
from fedmedlora.experiment.store import RunStore
from fedmedlora.reporting.protections import protections
from fedmedlora.tasks.kind import Metric, lead_metric, task_kinds

Document = dict[str, Any]

_OF_A_ROUND = ("round", "shares", "score", "seconds", "absences")


def standing(run: Path) -> Document:
    """Return how far a run is: sites, rounds, scores, bytes, privacy spent, the ledger's head.

    Raises:
        InputError: The folder holds no run.
        StoreError: It cannot be read.
    """
    with RunStore.open(run) as store:
        experiment, whole = store.experiment(), results(store)
        finished = {arm["name"]: arm for arm in whole["arms"]}
        metric = lead_metric(task_kinds()[experiment.model.task])
        heads = store.seals.heads()
        return {
            "experiment": experiment.name,
            "rounds": experiment.rounds,
            "sites": [_site(site) for site in whole["sites"]],
            "arms": [
                _arm(name, store.rounds(name), finished.get(name), metric)
                for name in store.begun_arms()
            ],
            "protections": [list(row) for row in protections(whole)],
            "privacy": _privacy(privacy_told(experiment, store)),
            "ledger": {"sealed": len(heads), "head": heads[-1] if heads else None},
        }


def _site(site: Mapping[str, Any]) -> Document:
    return {"name": site["name"], "role": site["role"], "notes": site["notes"].get("train")}


def _arm(
    name: str, rounds: list[Document], finished: Mapping[str, Any] | None, metric: Metric
) -> Document:
    return {
        "name": name,
        "finished": finished is not None,
        "best_round": finished["best_round"] if finished else None,
        "rounds": [_round(document) for document in rounds],
        "final": _final(finished["final"], metric) if finished else {},
    }


def _round(document: Mapping[str, Any]) -> Document:
    own = {key: document.get(key) for key in _OF_A_ROUND}
    ways = {way: sum((document.get(way) or {}).values()) for way in ("bytes_up", "bytes_down")}
    return {**own, **ways}


def _final(scores: Mapping[str, Any], metric: Metric) -> Document:
    """Return what results are told by, by site."""
    known = {site: of_it[metric.part] for site, of_it in scores.items() if of_it[metric.part]}
    return {site: of_it[metric.matching]["f1"] for site, of_it in known.items()}


def _privacy(told: Mapping[str, Any]) -> list[Document]:
    said = (told.get("privacy") or {}).get("said", {})
    return [
        {"place": place, "epsilon": one["epsilon"], "delta": one["delta"], "unit": one["unit"]}
        for place, one in sorted(said.items())
    ]
