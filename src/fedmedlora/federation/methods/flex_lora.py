"""FlexLoRA: the sites' mean change of each layer, cut to the largest rank by its singular values.

    sum_k p_k B_k A_k  =  U S V^T,    B = U_r S_r,    A = V_r^T

Ranks may differ: a site of rank r_k gets the first r_k columns of B and rows of A, which is the
best change of its rank. The matrix is never built: see `adapters.low_rank`.

Source: Bai et al. 2024, Federated Fine-tuning of Large Language Models under Heterogeneous Tasks
and Client Resources (arXiv 2402.11505), section 3.
"""

import numpy as np

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.low_rank import layers, nearest, total
from fedmedlora.federation.averaging import by_size_with
from fedmedlora.federation.local_factors import averaged_rest, mean_change
from fedmedlora.federation.strategy import Combined, Method, Round


def _combine(round_: Round) -> Combined:
    received = plain(round_.received)
    delta = dict(averaged_rest(round_))
    for a, b in layers(received):
        best = nearest(total(mean_change(round_, (a, b))), received[a].shape[0])
        delta[a] = (best.a - received[a]).astype(np.float32)
        delta[b] = (best.b - received[b]).astype(np.float32)
    return Combined(delta)


METHOD = Method("FlexLoRA", by_size_with(combine=_combine))
