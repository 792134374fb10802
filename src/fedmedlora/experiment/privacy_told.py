"""What a run may say of privacy, for results.json: the last sentence of each place, and of whom."""

from typing import Any

from fedmedlora.experiment.private_arms import TOGETHER
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore

Document = dict[str, Any]


def privacy_told(experiment: Experiment, store: RunStore) -> Document:
    """Return what all private arms came to, by site or for the server; nothing without privacy.

    A place's statement counts all that was paid there before, whichever arm it was, so the one
    with the largest epsilon says it all.
    """
    if experiment.privacy.mode == "none":
        return {}
    told: dict[str, Document] = {}
    for arm in store.begun_arms():
        for document in store.rounds(arm):
            for place, statement in document.get("privacy", {}).items():
                if told.get(place, {"epsilon": -1.0})["epsilon"] < statement["epsilon"]:
                    told[place] = statement
    return {"privacy": {"mode": experiment.privacy.mode, "said": told, "open": _open(store)}}


def _open(store: RunStore) -> list[str]:
    """Return the finished arms that trained without noise, as yardsticks."""
    documents = {name: store.arm(name) or {} for name in store.arms()}
    return [
        name
        for name, document in documents.items()
        if document["best_round"] and not (document["kind"] in TOGETHER and _is_own(document))
    ]


def _is_own(document: Document) -> bool:
    return bool(document["model"] == "own")
