"""The figures of a run for scripts and the report: results.json, made from the store alone."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.durable_files import write_whole
from fedmedlora.evaluation.fairness import summary
from fedmedlora.experiment.arms import preferred_arm
from fedmedlora.experiment.baselines import Endpoint
from fedmedlora.experiment.calibrating import calibration_told
from fedmedlora.experiment.config import settings
from fedmedlora.experiment.disk import store_errors
from fedmedlora.experiment.privacy_told import privacy_told
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.tasks.kind import Metric, task_kinds

_SCHEMA = 1
_PROOFS = ("manifests", "updates")
"""What stays in the store, for `audit verify`."""
_PRICED_TOKENS = 1_000_000
_TRAFFIC = ("full_model_bytes", "adapter_bytes", "saving")


def results(store: RunStore) -> dict[str, Any]:
    """Return the figures of a run, finished arms in the order of the experiment's plan.

    What stands under `summary` is over the sites that train.
    """
    experiment = store.experiment()
    left = store.meta("left") or []
    members = store.meta("members") or {}
    sites = [
        {**site, **({"machine": own} if (own := members.get(site["name"], {}).get("own")) else {})}
        for site in store.meta("sites") or []
        if site["name"] not in left
    ]
    usage, beside, leakage = (store.meta(key) for key in ("usage", "beside", "leakage"))
    models: dict[str, dict[str, Any]] = store.meta("models") or {}
    own = models.get("own", {})
    told = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in settings(experiment).items()
        if not key.startswith("sites") and _is_about(key, experiment)
    }
    return {
        "schema": _SCHEMA,
        "experiment": experiment.name,
        "seed": experiment.seed,
        "task": experiment.model.task,
        "preferred": preferred_arm(experiment),
        # Only whoever asks sites that are elsewhere has been told facts by them.
        "between_hospitals": store.meta("facts") is not None,
        **({"left": left} if left else {}),
        "sites": sites,
        "arms": [_arm(store, name, sites, experiment) for name in store.arms()],
        "communication": {key: own[key] for key in _TRAFFIC} if own else None,
        "models": models,
        "comparisons": store.meta("comparisons") or [],
        "environment": {
            **store.environment(),
            **({"usage": usage} if usage else {}),
            "dtype": own.get("dtype"),
            "settings": told,
        },
        **({"beside": beside} if beside else {}),
        **privacy_told(experiment, store),
        **({"leakage": leakage} if leakage else {}),
    }


def _is_about(key: str, experiment: Experiment) -> bool:
    """Return whether a setting says anything of a run: a method's, only where it is an arm."""
    section, _, rest = key.partition(".")
    return section != "methods" or rest.partition(".")[0] in experiment.arms


def write_results(store: RunStore) -> Path:
    """Return where the figures of a run now lie: `results.json` in its folder.

    Raises:
        StoreError: The file cannot be written; the one before is kept.
    """
    path = store.folder / "results.json"
    text = json.dumps(results(store), allow_nan=False, indent=2)
    with store_errors(store.folder):
        write_whole(path, f"{text}\n".encode())
    return path


def _arm(
    store: RunStore, name: str, sites: Sequence[Mapping[str, Any]], experiment: Experiment
) -> dict[str, Any]:
    document, finals = store.arm(name) or {}, store.finals(name)
    final = {site: document["scores"] for site, document in finals.items()}
    asked = {site: document["asked"] for site, document in finals.items() if "asked" in document}
    shown = {site: document["shown"] for site, document in finals.items() if "shown" in document}
    training = {site["name"]: final.get(site["name"]) for site in sites if site["role"] == "train"}
    calibration = calibration_told(document, finals, [*training])
    metrics = task_kinds()[experiment.model.task].metrics
    return {
        "name": name,
        "kind": document["kind"],
        "model": document["model"],
        "seconds": document["seconds"],
        "best_round": document["best_round"],
        "rounds": [
            {key: value for key, value in one.items() if key not in _PROOFS}
            for one in store.rounds(name)
        ],
        "final": final,
        "summary": {key: summary(_f1(training, metric)) for key, metric in metrics.items()},
        **({"asked": _asked(asked, experiment.endpoint)} if asked else {}),
        **({"shown": shown} if shown else {}),
        **({"calibration": calibration} if calibration else {}),
    }


def _asked(sites: Mapping[str, Mapping[str, int]], endpoint: Endpoint) -> dict[str, Any]:
    """Return what the questions of an arm took, of each site and in all, and what that cost."""
    totals = Counter[str]()
    for spent in sites.values():
        totals.update(spent)
    return {**totals, "cost": _cost(totals, endpoint), "sites": sites}


def _cost(spent: Mapping[str, int], endpoint: Endpoint) -> float | None:
    """Return what tokens cost; None where nobody told their number, or their price."""
    prices = endpoint.input_price, endpoint.output_price
    if spent["untold"] or prices[0] is None or prices[1] is None:
        return None
    tokens = spent["prompt_tokens"] * prices[0] + spent["completion_tokens"] * prices[1]
    return tokens / _PRICED_TOKENS


def _f1(scores: Mapping[str, Mapping[str, Any] | None], metric: Metric) -> dict[str, float | None]:
    # A site that does not annotate relations has no scores for them: undefined, not zero.
    return {
        site: (((of_site or {}).get(metric.part) or {}).get(metric.matching) or {}).get("f1")
        for site, of_site in scores.items()
    }
