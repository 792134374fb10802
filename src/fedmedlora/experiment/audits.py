"""Whether what a site shows of an update is what it told before, and scores as it said."""

import math

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.low_rank import narrow
from fedmedlora.adapters.weights import AdapterWeights, names_fault, shape_fault
from fedmedlora.experiment.open_round import OpenRound
from fedmedlora.federation.blind import Stayed, local_model
from fedmedlora.federation.engine import SERVER
from fedmedlora.federation.updates import SiteReport

_CLOSE = 1e-3
"""Relative: sites of other machines compute a loss in another order."""


def audit_fault(
    opened: OpenRound,
    one: Stayed,
    report: SiteReport,
    received: AdapterWeights,
    expected: AdapterWeights,
) -> str | None:
    """Return what is wrong with an update that its site is asked to show, None if nothing is.

    Args:
        report: What the site told of it.
        received: What the site was sent.
        expected: Tensors of the names and shapes of an update of the federation's rank.
    """
    where = f"audit of {one.site}"
    shown = opened.engine.blind().shown(one)
    if shown is None:
        return f"{where}: found no answer, expected the update of sha256 {one.sha256}"
    if (found := adapter_digest(shown)) != one.sha256:
        return f"{where}: found sha256 {found}, expected {one.sha256}, as was told before"
    if fault := _unlike(shown, narrow(expected, one.rank)):
        return f"{where}: {fault}"
    if report.validation_loss is None:
        return None
    (loss,) = opened.engine.losses([(local_model(received, shown, one.rank), SERVER)])
    if not math.isclose(loss, report.validation_loss, rel_tol=_CLOSE):
        return f"{where}: found a loss of {loss}, expected {report.validation_loss}, as was told"
    return None


def _unlike(shown: AdapterWeights, expected: AdapterWeights) -> str | None:
    fault = names_fault(shown, expected)
    shapes = (shape_fault(n, shown[n].shape, expected[n].shape) for n in sorted(expected))
    fault = fault or next((one for one in shapes if one), None)
    return None if fault is None else str(fault)
