"""HetLoRA: factors of unequal ranks are filled up with zeros and averaged by what they change.

    w_k = |B_k A_k| / sum_j |B_j A_j|,    A = sum_k w_k [A_k; 0],    B = sum_k w_k [B_k 0]

with the Frobenius norm over all layers together. A site of rank r_k gets the first r_k columns of B
and rows of A. Tensors beside the factors, as a head, are averaged by label tokens. The paper's
pruning of a site's rank in training is not done here.

Source: Cho et al. 2024, Heterogeneous LoRA for Federated Fine-tuning of On-Device Foundation Models
(arXiv 2401.06432), section 3.
"""

import numpy as np

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.low_rank import Factors, layers, sum_of_squares
from fedmedlora.errors import AggregationError
from fedmedlora.federation.averaging import by_size_with
from fedmedlora.federation.local_factors import averaged_rest, local_factors
from fedmedlora.federation.strategy import Combined, Method, Round


def _combine(round_: Round) -> Combined:
    received = plain(round_.received)
    weights = _weights(round_)
    delta = dict(averaged_rest(round_))
    for a, b in layers(received):
        mean = Factors(np.zeros(received[b].shape), np.zeros(received[a].shape))
        for site, local in local_factors(round_, (a, b)).items():
            rank = local.a.shape[0]
            mean.b[:, :rank] += weights[site] * local.b
            mean.a[:rank] += weights[site] * local.a
        delta[a] = (mean.a - received[a]).astype(np.float32)
        delta[b] = (mean.b - received[b]).astype(np.float32)
    return Combined(delta, shares=weights)


def _weights(round_: Round) -> dict[str, float]:
    squares = dict.fromkeys(sorted(round_.shares), 0.0)
    for layer in layers(plain(round_.received)):
        for site, local in local_factors(round_, layer).items():
            squares[site] += sum_of_squares(local)
    norms = {site: square**0.5 for site, square in squares.items()}
    if not (summed := sum(norms.values())):
        raise AggregationError(
            "weights: found that no site changed anything, expected one that did; train longer"
        )
    return {site: norm / summed for site, norm in norms.items()}


METHOD = Method("HetLoRA", by_size_with(combine=_combine))
