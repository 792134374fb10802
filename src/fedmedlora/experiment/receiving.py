"""What comes in for a round: asked for, proved, admitted, clipped and measured."""

import logging
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AdmissionError, QuorumError
from fedmedlora.experiment.open_round import OpenRound
from fedmedlora.experiment.spool import Spooled, collect
from fedmedlora.experiment.summing import Summing
from fedmedlora.federation.admission import admit_all, admit_measured
from fedmedlora.federation.clipping import Clipped
from fedmedlora.federation.engine import SERVER
from fedmedlora.federation.notary import Claim
from fedmedlora.federation.patches import model
from fedmedlora.federation.rounds import require_quorum
from fedmedlora.federation.updates import Absence, SiteReport, SiteUpdate

logger = logging.getLogger(__name__)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Received:
    """What came in for a round.

    Attributes:
        spooled: What sites sent that is theirs, admitted or not.
        fit: The updates whose adapters were scored.
        admitted: Those that are added up, clipped and with the losses that shares need.
        absences: Everybody who does not count, and why.
        seconds: What trainings took, and the looking at them.
    """

    spooled: Sequence[Spooled]
    fit: Sequence[SiteUpdate]
    clipping: Clipped
    admitted: Sequence[SiteUpdate]
    absences: Sequence[Absence]
    seconds: float

    def kept(self) -> dict[str, str]:
        """Return what each site goes on from; one that was refused as if it had not trained."""
        sites = {update.report.site for update in self.admitted}
        rows = [one.row for one in self.spooled if one.row["site"] in sites]
        return {row["site"]: row["kept"] for row in rows if row["kept"]}

    def privacy(self) -> Document:
        """Return what each site's training said of its privacy; nothing where none was private."""
        rows = [one.row for one in self.spooled if one.row.get("privacy")]
        return {"privacy": {row["site"]: row["privacy"] for row in rows}} if rows else {}


def receive(
    opened: OpenRound, summing: Summing, stored_start: AdapterWeights, start: AdapterWeights
) -> Received:
    """Return what came in for a round.

    Args:
        summing: Will make the sum of it.
        stored_start: What the sites are sent, which knows its digest.
        start: The same, held in memory.

    Raises:
        QuorumError: Too little of it can be used.
    """
    arm, store, keys = opened.arm, opened.store, opened.keys()
    asked = arm, opened.engine, store, stored_start, opened.plans(), keys, opened.notary
    spooled, absences = collect(*asked)
    began = time.monotonic()
    proved, unproved = _proved(opened, spooled)
    fit, refusals = admit_all(
        [_update(opened, one) for one in proved],
        expected=opened.expected(plain(start)),
        start_digest=opened.before,
        base=opened.engine.base,
        round_index=opened.round_index,
        most_tokens=opened.most_tokens,
    )
    clipping = opened.clipped(fit)
    admitted, unmeasured = _measured(opened, clipping.updates, start)
    admitted, unsealed = summing.gather(admitted, start)
    refusals = (*unproved, *refusals, *unmeasured, *unsealed)
    _log(arm.name, refusals, clipping)
    absences = [*absences, *refusals]
    try:
        require_quorum(admitted, absences, opened.quorum)
    except QuorumError:
        # Once mended, a site must be asked again; what it sent before would be refused again.
        store.forget_site_updates([keys[refusal.site] for refusal in refusals])
        raise
    seconds = time.monotonic() - began + sum(one.row["seconds"] for one in spooled)
    return Received(proved, fit, clipping, admitted, absences, seconds)


def proofs(opened: OpenRound, received: Received) -> Document:
    """Return what a round's document keeps of what sites signed; nothing where nothing is."""
    if not opened.run:
        return {}
    rows = [one.row for one in received.spooled]
    signed = {row["site"]: {key: row[key] for key in ("manifest", "consent")} for row in rows}
    updates = {row["site"]: row["delta"] for row in rows if row["delta"]}
    kept = {"updates": updates} if updates and opened.experiment.audit.keep_updates else {}
    return {"before": opened.before, "manifests": signed, **kept}


def _proved(
    opened: OpenRound, spooled: Sequence[Spooled]
) -> tuple[list[Spooled], tuple[Absence, ...]]:
    """Return what is of the site under whose name it came, and recorded so; and refusals."""
    proved, refusals = [], []
    for one in spooled:
        try:
            opened.notary.admit(_claim(opened.run, one.row))
        except AdmissionError as error:
            refusals.append(Absence(one.row["site"], str(error), error.code))
        else:
            proved.append(one)
    return proved, tuple(refusals)


def _claim(run: str, row: Document) -> Claim:
    return Claim(
        site=row["site"],
        run=run,
        round_index=row["round"],
        num_tokens=row["num_tokens"],
        base=row["base"],
        start=row["start"],
        delta=row["delta"] or row["stays"],
        num_bytes=row["bytes"],
        manifest=row.get("manifest", ""),
        consent=row.get("consent", ""),
    )


def _log(arm: str, refusals: Sequence[Absence], clipping: Clipped) -> None:
    for refusal in refusals:
        logger.warning("%s: %s", arm, refusal.reason)
    for clip in clipping.clips:
        told = (arm, clip.site, clip.kind, clip.norm, clip.bound)
        logger.warning("%s: %s: %s of norm %.4g scaled down to %.4g", *told)


def _update(opened: OpenRound, spooled: Spooled) -> SiteUpdate:
    """Return a spooled update; its validation loss is measured once it is admitted."""
    row = spooled.row
    shift = opened.shifts.get(row["site"])
    report = SiteReport(row["site"], row["round"], row["num_tokens"], None, shift)
    return SiteUpdate(report, spooled.delta, row["base"], row["start"])


def _measured(
    opened: OpenRound, updates: Sequence[SiteUpdate], start: AdapterWeights
) -> tuple[tuple[SiteUpdate, ...], tuple[Absence, ...]]:
    """Return updates with the losses that the strategy needs in their reports, and refusals."""
    needs, sites = opened.arm.strategy.needs, [update.report.site for update in updates]
    validation: dict[str, float] = {}
    before: dict[str, float] = {}
    if "validation_loss" in needs and opened.is_blind:
        stayed = opened.stayed()
        validation = {**opened.engine.blind().losses([stayed[site] for site in sites], start)}
    elif "validation_loss" in needs:
        adapters = {one.report.site: opened.local_model(start, one) for one in updates}
        validation = _validation_losses(opened, adapters)
    if "start_loss" in needs:
        begun = model(start)
        losses = opened.engine.losses([(begun, site) for site in sites])
        before = dict(zip(sites, losses, strict=True))
    # A loss that is needed and not told is one that nothing can be made of.
    unknown = math.nan if "validation_loss" in needs else None
    reports = [
        replace(
            one.report,
            validation_loss=validation.get(one.report.site, unknown),
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
