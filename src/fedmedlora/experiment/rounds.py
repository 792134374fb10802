"""One arm, round after round, over a store: stopped anywhere, it goes on from what is stored."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import QuorumError
from fedmedlora.evaluation.fairness import summary
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.hidden_sites import rule_of
from fedmedlora.experiment.open_round import OpenRound
from fedmedlora.experiment.receiving import proofs, receive
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.sealing import seal_rounds
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.summing import Summing, summing_of
from fedmedlora.experiment.traffic import traffic
from fedmedlora.federation.broadcast import broadcast
from fedmedlora.federation.clipping import accepted_norms, clipping_json
from fedmedlora.federation.engine import Engine, Scope
from fedmedlora.federation.notary import NOBODY, Notary
from fedmedlora.federation.patches import model
from fedmedlora.federation.rounds import (
    ServerState,
    aggregate,
    best_round,
    record_json,
    should_stop,
)
from fedmedlora.tasks.counts import site_scores
from fedmedlora.tasks.kind import Metric, lead_metric, task_kinds

logger = logging.getLogger(__name__)

Document = dict[str, Any]


def run_rounds(
    arm: Arm,
    experiment: Experiment,
    engine: Engine,
    store: RunStore,
    *,
    shifts: Mapping[str, float],
    notary: Notary = NOBODY,
) -> Document:
    """Run what is missing of an arm's rounds; return its document without scores.

    Args:
        shifts: Site to its shift against the other training sites.
        notary: Checks what sites signed, and seals the rounds.

    Raises:
        QuorumError: A round got too few usable updates, or the arm it starts from is not there.
    """
    start = store.adapters.put(_start(arm, engine, store))
    documents = store.rounds(arm.name)
    seal_rounds(arm, documents, store, notary)
    while len(documents) < arm.rounds and not _stopped(arm, documents, experiment.patience):
        last: Document = documents[-1] if documents else {"adapter": start}
        opened = OpenRound(
            arm=arm,
            experiment=experiment,
            engine=engine,
            store=store,
            shifts=shifts,
            round_index=len(documents) + 1,
            before=last["adapter"],
            memory=last.get("memory"),
            memories=last.get("memories", {}),
            notary=notary,
            most_tokens=_most_tokens(arm, engine),
            accepted=accepted_norms(documents),
        )
        with summing_of(opened) as summing:
            documents.append(_run_round(opened, summing))
        seal_rounds(arm, documents, store, notary)
        # Arms that begin alike share their first round; nobody will ask for a later one again.
        if opened.round_index > 1:
            store.forget_site_updates(opened.keys().values())
    return {
        "kind": arm.kind,
        "model": arm.model,
        "start": arm.start,
        "best_round": best_of(arm, documents),
        "adapter": _adapter_of(arm, documents, start),
        "memories": _memories_of(arm, documents),
        "seconds": sum(document["seconds"] for document in documents),
    }


def _most_tokens(arm: Arm, engine: Engine) -> dict[str, int] | None:
    """Return how many label tokens each site said that it has; nobody asks who trains alone."""
    if not arm.is_together:
        return None
    return {one.name: engine.label_tokens(one.name) for one in arm.participants}


def best_of(arm: Arm, documents: Sequence[Document]) -> int | None:
    """Return the round that stands for an arm; the last where nothing chooses, None without one."""
    if not documents:
        return None
    scores = [document["score"] for document in documents]
    chosen = best_round(scores) if arm.chosen_on else None
    return chosen or len(documents)


def _adapter_of(arm: Arm, documents: Sequence[Document], start: str) -> str:
    best = best_of(arm, documents)
    return documents[best - 1]["adapter"] if best else start


def _memories_of(arm: Arm, documents: Sequence[Document]) -> dict[str, str]:
    best = best_of(arm, documents)
    memories: dict[str, str] = documents[best - 1]["memories"] if best else {}
    return memories


def _start(arm: Arm, engine: Engine, store: RunStore) -> AdapterWeights:
    if arm.start is None:
        return engine.initial()
    begun = store.arm(arm.start)
    if begun is None:
        raise QuorumError(f"found no finished arm {arm.start}, expected its adapter to start from")
    return model(store.adapters.get(begun["adapter"]))


def _stopped(arm: Arm, documents: Sequence[Document], patience: int) -> bool:
    # Until something is found at all there is nothing that could stop getting better.
    scores = [document["score"] or None for document in documents]
    # What a federation is measured against must not lose passes to a few notes of its own site.
    return arm.kind == "federated" and should_stop(scores, patience=patience)


def _run_round(opened: OpenRound, summing: Summing) -> Document:
    arm, store = opened.arm, opened.store
    stored_start = store.adapters.get(opened.before)
    # Held for all that the updates are compared with it; the stored one knows its digest.
    start = dict(stored_start)
    received = receive(opened, summing, stored_start, start)
    began = time.monotonic()
    memory = store.adapters.get(opened.memory) if opened.memory else {}
    before = ServerState(opened.round_index - 1, start, memory)
    strategy, hidden = rule_of(opened)
    state, record = aggregate(
        before,
        received.admitted,
        strategy,
        absences=received.absences,
        total=summing.total,
    )
    sent = broadcast(start, state.adapter, memory, opened.codec)
    kept = {**state.memory, **sent.memory}
    memories = opened.memories | received.kept()
    after = store.adapters.put(sent.bundle)
    opened.engine.deliver(sent.news, before=opened.before, after=after)
    evaluation = _evaluation(opened, sent.bundle, memories)
    metric = lead_metric(task_kinds()[opened.experiment.model.task])
    document = {
        **record_json(record),
        "clipping": clipping_json(received.clipping),
        **traffic(opened, sent.news.num_bytes, received.spooled, received.fit, summing),
        **summing.told,
        **proofs(opened, received),
        "seconds": time.monotonic() - began + received.seconds,
        "adapter": after,
        "memory": store.adapters.put(kept) if kept else None,
        "memories": memories,
        "evaluation": evaluation,
        "score": _mean_score(evaluation, metric),
        **received.privacy(),
        **hidden,
    }
    store.put_round(arm.name, opened.round_index, document)
    _log(arm, document, metric)
    return document


def _mean_score(evaluation: Mapping[str, Document], metric: Metric) -> float | None:
    f1 = {s: scores[metric.part][metric.matching]["f1"] for s, scores in evaluation.items()}
    return summary(f1)["mean"]


def _log(arm: Arm, document: Document, metric: Metric) -> None:
    score = "undefined" if document["score"] is None else f"{document['score']:.3f}"
    logger.info(
        "%s: round %d of %d: dev %s %s, %.0f s",
        arm.name,
        document["round"],
        arm.rounds,
        metric.score,
        score,
        document["seconds"],
    )


def _evaluation(opened: OpenRound, bundle: AdapterWeights, memories: Mapping[str, str]) -> Document:
    arm = opened.arm
    sites = (*arm.chosen_on, *arm.watched)
    kind = task_kinds()[opened.experiment.model.task]
    scope = Scope("dev", kind.round_parts, opened.experiment.evaluation.round_notes)
    readers, needed = arm.strategy.local.readers(plain(bundle), memories, sites)
    tallies = dict(opened.engine.evaluate(bundle, readers, scope, memories=needed))
    return {
        site: site_scores(
            tallies[site].total,
            num_notes=tallies[site].num_notes,
            split=scope.split,
            parts=kind.parts,
            scored=scope.parts,
        )
        for site in sites
        if site in tallies
    }
