"""One arm, round after round, over a store: stopped anywhere, it goes on from what is stored."""

import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fedmedlora.adapters.weights import AdapterWeights, add
from fedmedlora.errors import QuorumError
from fedmedlora.evaluation.fairness import summary
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.spool import Spooled, collect, site_plans, update_keys
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.admission import admit_all, admit_measured
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import SERVER, Engine, Scope
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


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round that is under way.

    Attributes:
        shifts: Site to its shift against the other training sites.
        before: sha256 of the adapter it starts from.
        memory: sha256 of what the server kept beside it, None where it kept nothing.
    """

    arm: Arm
    experiment: Experiment
    engine: Engine
    store: RunStore
    shifts: Mapping[str, float]
    round_index: int
    before: str
    memory: str | None

    def plans(self) -> dict[str, LocalPlan]:
        """Return every participant's plan, by name."""
        return site_plans(self.arm, self.experiment.seed, self.round_index)

    def keys(self) -> dict[str, str]:
        """Return under what each participant's update is kept, by name."""
        return update_keys(self.arm, self.plans(), self.before)


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
    start = store.put_adapter(_start(arm, engine, store))
    documents = store.rounds(arm.name)
    while len(documents) < arm.rounds and not _stopped(arm, documents, experiment.patience):
        before = documents[-1]["adapter"] if documents else start.sha256
        memory = documents[-1]["memory"] if documents else None
        round_index = len(documents) + 1
        opened = OpenRound(arm, experiment, engine, store, shifts, round_index, before, memory)
        documents.append(_run_round(opened))
        # Arms that begin alike share their first round; nobody will ask for a later one again.
        if round_index > 1:
            store.forget_site_updates(opened.keys().values())
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
    scores = [document["score"] for document in documents]
    chosen = best_round(scores) if arm.chosen_on else None
    return chosen or len(documents)


def _adapter_of(arm: Arm, documents: Sequence[Document], start: str) -> str:
    best = best_of(arm, documents)
    return documents[best - 1]["adapter"] if best else start


def _start(arm: Arm, engine: Engine, store: RunStore) -> AdapterWeights:
    if arm.start is None:
        return engine.initial()
    begun = store.arm(arm.start)
    if begun is None:
        raise QuorumError(f"found no finished arm {arm.start}, expected its adapter to start from")
    return store.adapter(begun["adapter"])


def _stopped(arm: Arm, documents: Sequence[Document], patience: int) -> bool:
    # Until something is found at all there is nothing that could stop getting better.
    scores = [document["score"] or None for document in documents]
    # What a federation is measured against must not lose passes to a few notes of its own site.
    return arm.kind == "federated" and should_stop(scores, patience=patience)


def _run_round(opened: OpenRound) -> Document:
    arm, store = opened.arm, opened.store
    stored_start = store.adapter(opened.before)
    # Held for all that the updates are compared with it; the stored one knows its digest.
    start = dict(stored_start)
    plans, keys = opened.plans(), opened.keys()
    spooled, absences = collect(arm, opened.engine, store, stored_start, plans, keys)
    began = time.monotonic()
    fit, refusals = admit_all(
        [_update(opened, one) for one in spooled],
        start=start,
        start_digest=opened.before,
        base=opened.engine.base,
        round_index=opened.round_index,
        sites=[participant.name for participant in arm.participants],
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
    memory = store.adapter(opened.memory) if opened.memory else {}
    before = ServerState(opened.round_index - 1, start, memory)
    state, record = aggregate(before, admitted, arm.strategy, absences=absences)
    stored = store.put_adapter(state.adapter)
    evaluation = _evaluation(opened, state.adapter)
    document = {
        **record_json(record),
        **_travelled(opened, spooled, fit, num_bytes=stored.num_bytes),
        "seconds": time.monotonic() - began + sum(one.row["seconds"] for one in spooled),
        "adapter": stored.sha256,
        "memory": store.put_adapter(state.memory).sha256 if state.memory else None,
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


def _measured(
    opened: OpenRound, updates: Sequence[SiteUpdate], start: AdapterWeights
) -> tuple[tuple[SiteUpdate, ...], tuple[Absence, ...]]:
    """Return updates with the loss of each site's adapter on the validation notes, and refusals."""
    if "validation_loss" not in opened.arm.strategy.needs:
        return tuple(updates), ()
    adapters = {update.report.site: add(start, update.delta) for update in updates}
    places = {site: _judges(opened, site, list(adapters)) for site in adapters}
    asked = [(adapters[site], place) for site in adapters for place in places[site]]
    told = iter(opened.engine.losses(asked))
    losses = {site: statistics.fmean(next(told) for _ in places[site]) for site in adapters}
    measured = [
        replace(update, report=replace(update.report, validation_loss=losses[update.report.site]))
        for update in updates
    ]
    return admit_measured(measured)


def _judges(opened: OpenRound, site: str, sites: Sequence[str]) -> list[str]:
    """Return on whose notes a site's adapter is scored."""
    if opened.experiment.aggregation.validation == "server":
        return [SERVER]
    # A site without peers has the only share; any loss will do for it, so its own dev notes.
    return [other for other in sites if other != site] or [site]


def _travelled(
    opened: OpenRound, spooled: Sequence[Spooled], fit: Sequence[SiteUpdate], *, num_bytes: int
) -> dict[str, dict[str, int]]:
    """Return the bytes of a round up and down by site; none where a participant trains alone.

    Args:
        fit: The updates whose adapters were scored.
        num_bytes: Of the adapter the round ends with.
    """
    arm = opened.arm
    if arm.kind != "federated" and len(arm.participants) == 1:
        return {"bytes_up": {}, "bytes_down": {}}
    up = {one.row["site"]: one.row["bytes"] for one in spooled}
    down = {participant.name: num_bytes for participant in arm.participants}
    scored_by_peers = opened.experiment.aggregation.validation == "peers"
    if scored_by_peers and "validation_loss" in arm.strategy.needs:
        # The server has every adapter already: what goes to be scored travels down alone.
        scored = [update.report.site for update in fit]
        for site in scored:
            down[site] += sum(up[other] for other in scored if other != site)
    return {"bytes_up": up, "bytes_down": down}


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


def _evaluation(opened: OpenRound, adapter: AdapterWeights) -> Document:
    sites = opened.arm.chosen_on
    scope = Scope("dev", ("ner",), opened.experiment.evaluation.round_notes)
    counts = dict(opened.engine.evaluate(adapter, sites, scope))
    return {site: site_scores(counts[site], split=scope.split, parts=scope.parts) for site in sites}
