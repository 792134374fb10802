"""One arm, round after round, over a store: stopped anywhere, it goes on from what is stored."""

import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import QuorumError
from fedmedlora.evaluation.fairness import summary
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.open_round import OpenRound
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.spool import Spooled, collect
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.traffic import traffic
from fedmedlora.federation.admission import admit_all, admit_measured
from fedmedlora.federation.broadcast import broadcast
from fedmedlora.federation.engine import SERVER, Engine, Scope
from fedmedlora.federation.patches import model
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
        QuorumError: A round got too few usable updates, or the arm it starts from is not there.
    """
    start = store.adapters.put(_start(arm, engine, store))
    documents = store.rounds(arm.name)
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
        )
        documents.append(_run_round(opened))
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


def _run_round(opened: OpenRound) -> Document:
    arm, store = opened.arm, opened.store
    stored_start = store.adapters.get(opened.before)
    # Held for all that the updates are compared with it; the stored one knows its digest.
    start = dict(stored_start)
    plans, keys = opened.plans(), opened.keys()
    spooled, absences = collect(arm, opened.engine, store, stored_start, plans, keys)
    began = time.monotonic()
    fit, refusals = admit_all(
        [_update(opened, one) for one in spooled],
        expected=opened.expected(plain(start)),
        start_digest=opened.before,
        base=opened.engine.base,
        round_index=opened.round_index,
    )
    admitted, unmeasured = _measured(opened, fit, start)
    refusals = (*refusals, *unmeasured)
    for refusal in refusals:
        logger.warning("%s: %s", arm.name, refusal.reason)
    absences = [*absences, *refusals]
    try:
        require_quorum(admitted, absences, min(opened.experiment.quorum, len(arm.participants)))
    except QuorumError:
        # Once mended, a site must be asked again; what it sent before would be refused again.
        store.forget_site_updates([keys[refusal.site] for refusal in refusals])
        raise
    memory = store.adapters.get(opened.memory) if opened.memory else {}
    before = ServerState(opened.round_index - 1, start, memory)
    state, record = aggregate(before, admitted, arm.strategy, absences=absences)
    sent = broadcast(start, state.adapter, memory, opened.codec)
    kept = {**state.memory, **sent.memory}
    memories = opened.memories | _kept(spooled, admitted)
    after = store.adapters.put(sent.bundle)
    opened.engine.deliver(sent.news, before=opened.before, after=after)
    evaluation = _evaluation(opened, sent.bundle, memories)
    document = {
        **record_json(record),
        **traffic(opened, sent.news.num_bytes, spooled, fit),
        "seconds": time.monotonic() - began + sum(one.row["seconds"] for one in spooled),
        "adapter": after,
        "memory": store.adapters.put(kept) if kept else None,
        "memories": memories,
        "evaluation": evaluation,
        "score": _mean_f1(evaluation),
    }
    store.put_round(arm.name, opened.round_index, document)
    _log(arm, document)
    return document


def _update(opened: OpenRound, spooled: Spooled) -> SiteUpdate:
    """Return a spooled update; its validation loss is measured once it is admitted."""
    row = spooled.row
    shift = opened.shifts.get(row["site"])
    report = SiteReport(row["site"], row["round"], row["num_tokens"], None, shift)
    return SiteUpdate(report, spooled.delta, row["base"], row["start"])


def _kept(spooled: Sequence[Spooled], admitted: Sequence[SiteUpdate]) -> dict[str, str]:
    """Return what each site goes on from; one whose update was refused as if it had not trained."""
    sites = {update.report.site for update in admitted}
    rows = [one.row for one in spooled if one.row["site"] in sites]
    return {row["site"]: row["kept"] for row in rows if row["kept"]}


def _measured(
    opened: OpenRound, updates: Sequence[SiteUpdate], start: AdapterWeights
) -> tuple[tuple[SiteUpdate, ...], tuple[Absence, ...]]:
    """Return updates with the losses that the strategy needs in their reports, and refusals."""
    needs, sites = opened.arm.strategy.needs, [update.report.site for update in updates]
    validation: dict[str, float] = {}
    before: dict[str, float] = {}
    if "validation_loss" in needs:
        adapters = {one.report.site: opened.local_model(start, one) for one in updates}
        validation = _validation_losses(opened, adapters)
    if "start_loss" in needs:
        begun = model(start)
        losses = opened.engine.losses([(begun, site) for site in sites])
        before = dict(zip(sites, losses, strict=True))
    reports = [
        replace(
            one.report,
            validation_loss=validation.get(one.report.site),
            start_loss=before.get(one.report.site),
        )
        for one in updates
    ]
    return admit_measured(
        [replace(one, report=report) for one, report in zip(updates, reports, strict=True)]
    )


def _validation_losses(
    opened: OpenRound, adapters: Mapping[str, AdapterWeights]
) -> dict[str, float]:
    """Return the loss of each site's adapter on the validation notes."""
    places = {site: _judges(opened, site, list(adapters)) for site in adapters}
    asked = [(adapters[site], place) for site in adapters for place in places[site]]
    told = iter(opened.engine.losses(asked))
    return {site: statistics.fmean(next(told) for _ in places[site]) for site in adapters}


def _judges(opened: OpenRound, site: str, sites: Sequence[str]) -> list[str]:
    """Return on whose notes a site's adapter is scored."""
    if opened.experiment.aggregation.validation == "server":
        return [SERVER]
    # A site without peers has the only share; any loss will do for it, so its own dev notes.
    return [other for other in sites if other != site] or [site]


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


def _evaluation(opened: OpenRound, bundle: AdapterWeights, memories: Mapping[str, str]) -> Document:
    arm, sites = opened.arm, opened.arm.chosen_on
    scope = Scope("dev", ("ner",), opened.experiment.evaluation.round_notes)
    readers, needed = arm.strategy.local.readers(plain(bundle), memories, sites)
    tallies = dict(opened.engine.evaluate(bundle, readers, scope, memories=needed))
    return {
        site: site_scores(
            tallies[site].total,
            num_notes=tallies[site].num_notes,
            split=scope.split,
            parts=scope.parts,
        )
        for site in sites
        if site in tallies
    }
