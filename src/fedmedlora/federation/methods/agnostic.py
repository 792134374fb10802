"""Agnostic federated learning: shares climb to the mixture of sites that is worst off.

    lambda  <-  projection onto the simplex of (lambda + gamma F),     shares are lambda

F_k is the loss of the adapter that site k was sent, on its dev notes; lambda is 1/K at first. A
site that is away keeps its part, and those that answered share theirs in proportion.

Source: Mohri et al. 2019, Agnostic Federated Learning (arXiv 1902.00146), section 4; projection,
Duchi et al. 2008, Efficient Projections onto the l1-Ball, Figure 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import numpy as np

from fedmedlora.adapters.kinds import as_kinds, of_kind
from fedmedlora.errors import AggregationError
from fedmedlora.federation.averaging import alike
from fedmedlora.federation.strategy import Memory, Method, Strategy
from fedmedlora.federation.updates import SiteReport
from fedmedlora.federation.weighting import Weighed, Weighting, finite, loss_factors
from fedmedlora.ranges import above

_KIND = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agnostic:
    """Numbers of the rule.

    Attributes:
        rate: gamma, per nat.
    """

    rate: Annotated[float, above(0)] = 0.02


def _weigh(memory: Memory, reports: Sequence[SiteReport], *, own: Agnostic) -> Weighed:
    ordered = sorted(reports, key=lambda report: report.site)
    losses = {r.site: finite(r.site, "start_loss", r.start_loss) for r in ordered}
    kept = of_kind(memory, _KIND)
    known = {site: float(kept[site][0]) for site in sorted(kept)}
    # Whoever is seen for the first time comes with as much as one of all has.
    size = len({*known, *losses})
    before = {site: known.get(site, 1 / size) for site in sorted({*known, *losses})}
    after = _projected(
        {site: share + own.rate * losses.get(site, 0.0) for site, share in before.items()}
    )
    total = sum(after[site] for site in losses)
    if total <= 0:
        raise AggregationError(
            f"shares of {', '.join(losses)}: found 0, expected one above 0; lower "
            "methods.agnostic.rate or wait for more sites"
        )
    return Weighed(
        shares={site: after[site] / total for site in losses},
        factors=loss_factors({site: after[site] for site in losses}),
        remembered=as_kinds(**{_KIND: {s: np.array([after[s]], np.float32) for s in after}}),
    )


def _projected(point: Mapping[str, float]) -> dict[str, float]:
    """Return the nearest point whose values are 0 or more and add up to 1."""
    ordered = sorted(point.values(), reverse=True)
    excess = (sum(ordered[: n + 1]) - 1 for n in range(len(ordered)))
    cuts = [
        total / (n + 1)
        for n, (value, total) in enumerate(zip(ordered, excess, strict=True))
        if value > total / (n + 1)
    ]
    return {name: max(0.0, value - cuts[-1]) for name, value in point.items()}


def _strategy(name: str, own: Agnostic, weighting: Weighting) -> Strategy:
    return replace(
        alike(name, own, weighting),
        needs=frozenset({"start_loss"}),
        weigh=partial(_weigh, own=own),
    )


METHOD = Method("Agnostic (AFL)", _strategy, Agnostic)
