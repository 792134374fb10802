"""How sure an arm's adapter is and should be: counted on dev notes, looked at on those of the end.

Each training site reads dev notes with the arm's adapter and counts its finds, right or wrong, by
bin of confidence; the counts are all that leaves it. Summed over sites they say what confidence
should have been, and the finds of the final notes, counted the same way, whether that holds.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.evaluation.calibration import (
    KINDS,
    NUM_BINS,
    NUM_SHOWN,
    UNCALIBRATED,
    Calibration,
    Kind,
    Rows,
    calibrated,
    expected_calibration_error,
    middles,
    reliability,
    summed,
)
from fedmedlora.experiment.arms import Arm
from fedmedlora.federation.engine import Engine, Scope
from fedmedlora.tasks.counts import Part
from fedmedlora.tasks.tally import Tally, tally_from_json

logger = logging.getLogger(__name__)

Document = dict[str, Any]


def calibration_document(
    arm: Arm,
    bundle: AdapterWeights,
    memories: Mapping[str, str],
    engine: Engine,
    *,
    sites: Sequence[str],
    parts: Sequence[Part],
    limit: int,
) -> Document | None:
    """Return what some sites' dev notes say of an arm's confidence, for its document.

    Args:
        parts: What confidence is counted of.
        limit: At most so many notes a site.

    Returns:
        By site what was counted, and what follows; None where the model tells nothing of how sure
        it is, no site answers, or no note is to be read.
    """
    if not limit or not parts:
        return None
    readers, needed = arm.strategy.local.readers(plain(bundle), memories, sites)
    scope = Scope("dev", parts, limit, confidence_bins=NUM_BINS)
    told = {
        site: _counts(tally, site)
        for site, tally in engine.evaluate(bundle, readers, scope, memories=needed)
    }
    if not any(rows.any() for counts in told.values() for rows in counts.values()):
        return None
    counts = {
        site: {kind: rows.tolist() for kind, rows in told[site].items()} for site in sorted(told)
    }
    return {"sites": counts, **asdict(calibrated([*told.values()]))}


def calibration_of(document: Document) -> Calibration:
    """Return an arm's calibration, out of its document; of one that was not calibrated, nothing."""
    told = document.get("calibration") or {}
    return Calibration(tuple(told.get("ner", ())), tuple(told.get("re", ())))


def calibration_told(
    document: Document, finals: Mapping[str, Document], sites: Sequence[str]
) -> Document | None:
    """Return how far an arm's confidence is off, as results.json has it.

    Args:
        document: The arm's.
        finals: Its final scores by site.
        sites: Those that train.

    Returns:
        By kind, on the final notes of the training sites, raw and calibrated: the error and the
        bins it is made of. None of an arm that was not calibrated.
    """
    own = calibration_of(document)
    if own == UNCALIBRATED:
        return None
    counts = summed(
        [_counts(tally_from_json(finals[site]["tally"]), site) for site in sites if site in finals]
    )
    told: Document = {
        kind: {
            "found": int(counts[kind][:, 0].sum()),
            "raw": _reliability(middles(NUM_BINS).tolist(), counts[kind]),
            "calibrated": _reliability(values, counts[kind]),
        }
        for kind in KINDS
        if (values := own.of(kind)) and kind in counts and counts[kind].any()
    }
    if not told:
        return None
    splits = sorted({finals[site]["scores"]["split"] for site in sites if site in finals})
    counted_at = [*document["calibration"]["sites"]]
    return {"num_bins": NUM_SHOWN, "sites": counted_at, "splits": splits, **told}


def _counts(tally: Tally, site: str) -> Mapping[Kind, Rows]:
    """Return what a site counted; nothing of one that counted otherwise than it was asked."""
    if all(rows.shape == (NUM_BINS, 2) for rows in tally.reliability.values()):
        return tally.reliability
    logger.warning(
        "site %s: found finds counted in other bins of confidence, expected %d of them; its counts "
        "are left out",
        site,
        NUM_BINS,
    )
    return {}


def _reliability(confidences: Sequence[float], rows: Rows) -> Document:
    reached = reliability(np.asarray(confidences), rows)
    bins = [asdict(one) for one in reached]
    return {"ece": expected_calibration_error(reached), "bins": bins}
