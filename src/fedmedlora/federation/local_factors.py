"""What rules that look at the product B A start from: the sites' own factors after training."""

from dataclasses import replace

import numpy as np

from fedmedlora.adapters.low_rank import Factors
from fedmedlora.adapters.weights import AdapterWeights, lora_factor
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.strategy import Round


def local_factors(round_: Round, layer: tuple[str, str]) -> dict[str, Factors]:
    """Return each site's factors of a layer at the site's own rank, in site-name order."""
    a, b = layer
    found: dict[str, Factors] = {}
    for update in sorted(round_.updates, key=lambda update: update.report.site):
        change = Factors(b=update.delta[b].astype(np.float64), a=update.delta[a].astype(np.float64))
        rank = change.a.shape[0]
        found[update.report.site] = Factors(
            b=round_.received[b][:, :rank] + change.b, a=round_.received[a][:rank] + change.a
        )
    return found


def mean_change(round_: Round, layer: tuple[str, str]) -> list[Factors]:
    """Return the terms p_k B_k A_k of the sites' mean change of a layer, in site-name order."""
    return [
        local.times(round_.shares[site]) for site, local in local_factors(round_, layer).items()
    ]


def averaged_rest(round_: Round) -> AdapterWeights:
    """Return the average change of what is no factor of LoRA, as a head."""
    rest = [
        replace(
            update,
            delta={n: update.delta[n] for n in update.delta if lora_factor(n) is None},
        )
        for update in round_.updates
    ]
    return weighted_sum(rest, round_.shares)
