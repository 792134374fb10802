"""q-FedAvg: sites on which the global adapter does badly count more, and the step with them.

    d_k  =  F_k^q L D_k,    h_k  =  q F_k^(q-1) |L D_k|^2 + L F_k^q,    x  <-  x + sum d_k / sum h_k

D_k is a site's change, F_k the loss of the adapter it was sent, L a number.
q = 0 is the plain average in which sites count alike. F_k is measured on the site's dev notes; the
paper has it on those trained on.

Source: Li et al. 2020, Fair Resource Allocation in Federated Learning (arXiv 1905.10497),
Algorithm 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import numpy as np

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AggregationError
from fedmedlora.federation.averaging import alike
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.strategy import Combined, Memory, Method, Round, Strategy
from fedmedlora.federation.updates import SiteReport
from fedmedlora.federation.weighting import Weighed, Weighting, finite, loss_factors
from fedmedlora.ranges import above, at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class QFedAvg:
    """Numbers of the rule.

    Attributes:
        q: How much losses count.
        lipschitz: L; the smaller, the nearer is the step to that of the average whatever q. In the
            paper it is one over the rate of plain descent; under AdamW it is a number to be tried.
    """

    q: Annotated[float, at_least(0)] = 1.0
    lipschitz: Annotated[float, above(0)] = 0.001


def _weigh(memory: Memory, reports: Sequence[SiteReport], *, own: QFedAvg) -> Weighed:
    del memory
    powers = {r.site: _loss(r) ** own.q for r in sorted(reports, key=lambda r: r.site)}
    total = sum(powers.values())
    return Weighed(
        shares={site: power / total for site, power in powers.items()},
        factors=loss_factors(powers),
    )


def _combine(round_: Round, *, own: QFedAvg) -> Combined:
    q, big = own.q, own.lipschitz
    mean = weighted_sum(round_.updates, round_.shares, like=round_.received)
    losses = {update.report.site: _loss(update.report) for update in round_.updates}
    squares = {update.report.site: _square(update.delta) for update in round_.updates}
    numerator = big * sum(losses[site] ** q for site in sorted(losses))
    denominator = sum(
        q * losses[site] ** (q - 1) * big**2 * squares[site] + big * losses[site] ** q
        for site in sorted(losses)
    )
    scale = numerator / denominator
    return Combined({name: (mean[name] * scale).astype(np.float32) for name in mean})


def _square(delta: AdapterWeights) -> float:
    return sum(float(np.square(delta[name], dtype=np.float64).sum()) for name in sorted(delta))


def _loss(report: SiteReport) -> float:
    loss = finite(report.site, "start_loss", report.start_loss)
    # A loss of 0 to a power below 1 would divide by it.
    if loss <= 0:
        raise AggregationError(
            f"start_loss of {report.site}: found {loss}, expected a number above 0; "
            "leave the site out of the round"
        )
    return loss


def _strategy(name: str, own: QFedAvg, weighting: Weighting) -> Strategy:
    return replace(
        alike(name, own, weighting),
        needs=frozenset({"start_loss"}),
        weigh=partial(_weigh, own=own),
        combine=partial(_combine, own=own),
    )


METHOD = Method("q-FedAvg", _strategy, QFedAvg)
