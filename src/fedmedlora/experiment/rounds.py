"""One arm, round after round, over a store: stopped anywhere, it goes on from what is stored.

A site's update is a pure function of the adapter it starts from, the site, the seed and the
schedule. It is kept under the digest of those, so a round that was cut short asks only the sites
that had not answered, and arms that begin alike share their first round.
"""

import hashlib
import json
import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fedmedlora.adapters.weights import AdapterWeights, add, subtract
from fedmedlora.evaluation.fairness import summary
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.admission import admit_all
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import SERVER, Engine, Outcome, Participant
from fedmedlora.federation.rounds import (
    ServerState,
    aggregate,
    best_round,
    record_json,
    require_quorum,
    should_stop,
)
from fedmedlora.federation.updates import Absence, SiteReport, SiteUpdate
from fedmedlora.tasks.scoring import site_scores

logger = logging.getLogger(__name__)

Document = dict[str, Any]


def run_rounds(
    arm: Arm,
    experiment: Experiment,
    engine: Engine,
    store: RunStore,
    *,
    shifts: Mapping[str, float],
) -> Document:
    """Run what is missing of an arm's rounds; return its document without scores.

    Args:
        shifts: Site to its shift against the other training sites.

    Raises:
        QuorumError: A round got too few usable updates.
    """
    start = store.put_adapter(_start(arm, engine, store))
    documents = store.rounds(arm.name)
    while len(documents) < arm.rounds and not _stopped(arm, documents, experiment.patience):
        before = documents[-1]["adapter"] if documents else start.sha256
        documents.append(
            _run_round(arm, experiment, engine, store, before, len(documents) + 1, shifts)
        )
    return {
        "kind": arm.kind,
        "start": arm.start,
        "best_round": best_of(arm, documents),
        "adapter": _adapter_of(arm, documents, start.sha256),
        "seconds": sum(document["seconds"] for document in documents),
    }


def best_of(arm: Arm, documents: Sequence[Document]) -> int | None:
    """Return the round that stands for an arm; the last where nothing chooses, None without one."""
    if not documents:
        return None
    chosen = best_round(_scores(documents)) if arm.chosen_on else None
    return chosen or len(documents)


def _adapter_of(arm: Arm, documents: Sequence[Document], start: str) -> str:
    best = best_of(arm, documents)
    return documents[best - 1]["adapter"] if best else start


def _start(arm: Arm, engine: Engine, store: RunStore) -> AdapterWeights:
    if arm.start is None:
        return engine.initial()
    begun = store.arm(arm.start)
    if begun is None:
        raise ValueError(f"arm {arm.name}: found no finished arm {arm.start}, expected it first")
    return store.adapter(begun["adapter"])


def _scores(documents: Sequence[Document]) -> list[float | None]:
    # Until something is found at all there is nothing that could stop getting better.
    return [document["score"] or None for document in documents]


def _stopped(arm: Arm, documents: Sequence[Document], patience: int) -> bool:
    return bool(arm.chosen_on) and should_stop(_scores(documents), patience=patience)


def _run_round(
    arm: Arm,
    experiment: Experiment,
    engine: Engine,
    store: RunStore,
    before: str,
    round_index: int,
    shifts: Mapping[str, float],
) -> Document:
    start = store.adapter(before)
    plans = _plans(arm, experiment, round_index)
    spooled, absences = _collect(arm, engine, store, before, plans)
    began = time.monotonic()
    updates = [_update(item, store, engine, before, round_index, shifts) for item in spooled]
    admitted, refusals = admit_all(
        updates,
        start=start,
        start_digest=before,
        base=engine.base,
        round_index=round_index,
        sites=list(plans),
    )
    absences = [*absences, *refusals]
    require_quorum(admitted, absences, min(experiment.quorum, len(arm.participants)))
    if arm.strategy.needs_loss:
        admitted = _measured(admitted, experiment, engine, start)
    state, record = aggregate(
        ServerState(round_index - 1, start), admitted, arm.strategy, absences=absences
    )
    stored = store.put_adapter(state.adapter)
    evaluation = _evaluation(arm, experiment, engine, state.adapter)
    document = {
        **record_json(record),
        "bytes_up": {item["site"]: item["bytes"] for item in spooled},
        "bytes_down": dict.fromkeys(plans, stored.num_bytes),
        "seconds": time.monotonic() - began + sum(item["seconds"] for item in spooled),
        "adapter": stored.sha256,
        "evaluation": evaluation,
        "score": _mean_f1(evaluation),
    }
    store.put_round(arm.name, round_index, document)
    _log(arm, document)
    return document


def _plans(arm: Arm, experiment: Experiment, round_index: int) -> dict[str, LocalPlan]:
    return {
        participant.name: LocalPlan(
            site_seed(experiment.seed, participant.name, round_index), round_index, arm.rounds
        )
        for participant in arm.participants
    }


def _update(
    item: Document,
    store: RunStore,
    engine: Engine,
    before: str,
    round_index: int,
    shifts: Mapping[str, float],
) -> SiteUpdate:
    """Return a spooled update; its validation loss is measured once it is admitted."""
    site = item["site"]
    report = SiteReport(site, round_index, item["num_tokens"], None, shifts.get(site))
    return SiteUpdate(report, store.adapter(item["delta"]), engine.base, before)


def _measured(
    updates: Sequence[SiteUpdate], experiment: Experiment, engine: Engine, start: AdapterWeights
) -> tuple[SiteUpdate, ...]:
    """Return updates with the loss of each site's adapter on the validation notes."""
    sites = [update.report.site for update in updates]
    measured = []
    for update in updates:
        site, adapter = update.report.site, add(start, update.delta)
        by_server = experiment.aggregation.validation == "server"
        places = [SERVER] if by_server else [other for other in sites if other != site]
        losses = [engine.loss(adapter, place) for place in places]
        loss = statistics.fmean(losses) if losses else None
        measured.append(replace(update, report=replace(update.report, validation_loss=loss)))
    return tuple(measured)


def _mean_f1(evaluation: Mapping[str, Document]) -> float | None:
    f1 = {site: scores["ner"]["strict"]["f1"] for site, scores in evaluation.items()}
    return summary(f1)["mean"]


def _log(arm: Arm, document: Document) -> None:
    score = "undefined" if document["score"] is None else f"{document['score']:.3f}"
    logger.info(
        "%s: round %d of %d: dev F1 %s, %.0f s",
        arm.name,
        document["round"],
        arm.rounds,
        score,
        document["seconds"],
    )


def _collect(
    arm: Arm,
    engine: Engine,
    store: RunStore,
    before: str,
    plans: Mapping[str, LocalPlan],
) -> tuple[list[Document], list[Absence]]:
    """Return what each participant sent, asking only those that have not answered yet."""
    keys = {
        participant.name: _update_key(before, participant, plans[participant.name])
        for participant in arm.participants
    }
    spooled = {name: store.site_update(key) for name, key in keys.items()}
    missing = [p for p in arm.participants if spooled[p.name] is None]
    absences = []
    for outcome in engine.train(missing, store.adapter(before), plans) if missing else ():
        name = outcome.participant.name
        if outcome.trained is None:
            logger.warning("%s: %s did not train: %s", arm.name, name, outcome.reason)
            absences.append(Absence(name, outcome.reason))
            continue
        spooled[name] = _spool(store, keys[name], outcome, before)
    return [document for document in spooled.values() if document is not None], absences


def _spool(store: RunStore, key: str, outcome: Outcome, before: str) -> Document:
    if outcome.trained is None:
        raise ValueError("outcome: found nothing trained, expected an adapter to spool")
    delta = store.put_adapter(subtract(outcome.trained.adapter, store.adapter(before)))
    document = {
        "site": outcome.participant.name,
        "delta": delta.sha256,
        "bytes": delta.num_bytes,
        "num_tokens": outcome.trained.num_tokens,
        "loss": outcome.trained.loss,
        "seconds": outcome.seconds,
    }
    store.put_site_update(key, document)
    return document


def _evaluation(
    arm: Arm, experiment: Experiment, engine: Engine, adapter: AdapterWeights
) -> Document:
    return {
        site: site_scores(
            engine.evaluate(
                adapter, site, "dev", parts=("ner",), limit=experiment.evaluation.round_notes
            ),
            split="dev",
            parts=("ner",),
        )
        for site in arm.chosen_on
    }


def _update_key(before: str, participant: Participant, plan: LocalPlan) -> str:
    inputs = [before, participant.name, plan.seed, plan.round_index, plan.num_rounds]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def site_seed(seed: int, site: str, round_index: int) -> int:
    """Return the seed of one site's training in one round, from the run's seed."""
    digest = hashlib.sha256(f"{seed}/{site}/{round_index}".encode()).digest()
    return int.from_bytes(digest[:4])
