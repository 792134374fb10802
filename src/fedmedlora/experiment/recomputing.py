"""What a closed round must have come to, made again from what the run has kept of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.private_arms import is_private
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.spool import Most
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.broadcast import broadcast
from fedmedlora.federation.clipping import accepted_norms, clipped
from fedmedlora.federation.rounds import ServerState, aggregate
from fedmedlora.federation.strategy import averaged
from fedmedlora.federation.updates import Absence, SiteReport, SiteUpdate

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Again:
    """A round that was made again.

    Attributes:
        shares: Site to its share; None where they cannot be made of what was kept.
        adapter: sha256 of the global adapter; None where the updates were not kept.
    """

    shares: Mapping[str, float] | None
    adapter: str | None


def again(
    arm: Arm, index: int, documents: Sequence[Document], experiment: Experiment, store: RunStore
) -> Again:
    """Return what a round comes to.

    Args:
        index: Its place among the documents of all rounds of the arm.

    Raises:
        AggregationError: What was reported can be made no shares of.
        ModelError: An adapter or an update is missing or altered.
    """
    document = documents[index]
    if experiment.privacy.mode == "site" and is_private(arm):
        # The noise is nobody's to draw again.
        return Again(None, None)
    reports = _reports(document)
    memory = _memory(store, documents[index - 1] if index else None)
    start = store.adapters.get(document["before"])
    kept = document.get("updates")
    if kept is None:
        # A rule that weighs updates by what they hold cannot do so without them.
        by_reports = arm.strategy.combine is averaged
        return Again(arm.strategy.weigh(memory, reports).shares if by_reports else None, None)
    most = Most.of(start)
    sizes = {"most_values": most.values, "most_tensors": most.tensors}
    deltas = {site: store.update(kept[site], **sizes) for site in document["reports"]}
    updates = [SiteUpdate(report, deltas[report.site], "", "") for report in reports]
    limits = experiment.admission.limits()
    scalings = {one.name: one.scaling for one in arm.participants}
    accepted = accepted_norms(documents[:index])
    within = clipped(updates, limits, accepted=accepted, scalings=scalings).updates
    before = ServerState(index, dict(start), memory)
    state, record = aggregate(before, within, arm.strategy, absences=_absences(document))
    sent = broadcast(dict(start), state.adapter, memory, experiment.communication.codec)
    return Again(record.shares, adapter_digest(sent.bundle))


def _reports(document: Document) -> list[SiteReport]:
    return [
        SiteReport(site, document["round"], **numbers)
        for site, numbers in sorted(document["reports"].items())
    ]


def _absences(document: Document) -> list[Absence]:
    return [Absence(one["site"], one["reason"], one["code"]) for one in document["absences"]]


def _memory(store: RunStore, before: Document | None) -> Mapping[str, Any]:
    sha256 = before["memory"] if before else None
    return store.adapters.get(sha256) if sha256 else {}
