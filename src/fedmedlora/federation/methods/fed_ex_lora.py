"""FedEx-LoRA: the factors are averaged apart, and what that loses is folded into the base.

    A = sum_k p_k A_k,   B = sum_k p_k B_k,   base  <-  base + s (sum_k p_k B_k A_k  -  B A)

so that base and adapter together are the exact mean of the sites' models.

Source: Singhal et al. 2025, FedEx-LoRA: Exact Aggregation for Federated and Efficient Fine-Tuning
of Foundation Models (arXiv 2410.09432), section 4; there with p_k = 1/K, here by label tokens.
"""

import numpy as np

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.low_rank import Factors, layers, total
from fedmedlora.federation.averaging import by_size_with
from fedmedlora.federation.local_factors import mean_change
from fedmedlora.federation.patches import next_patch
from fedmedlora.federation.strategy import Combined, Method, Round, averaged


def _combine(round_: Round) -> Combined:
    delta = averaged(round_).delta
    residuals = {}
    for a, b in layers(plain(round_.received)):
        # As the server will have them, rounding too.
        mean = Factors(
            b=(round_.received[b] + delta[b]).astype(np.float64),
            a=(round_.received[a] + delta[a]).astype(np.float64),
        )
        residuals[a, b] = total([*mean_change(round_, (a, b)), mean.times(-1.0)])
    return Combined(delta, next_patch(round_.received, residuals))


METHOD = Method("FedEx-LoRA", by_size_with(combine=_combine, patches_base=True))
