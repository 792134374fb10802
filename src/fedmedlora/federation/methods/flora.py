"""FLoRA: the sites' products are summed by stacking their factors, and folded into the base.

    [p_1 B_1 ... p_K B_K] [A_1; ...; A_K]  =  sum_k p_k B_k A_k

so nothing is lost, and ranks may differ. Every round begins with a fresh adapter: the A that was
seeded and a B of zeros. p_k enters once, on B. Tensors beside the factors are averaged and go on.

Source: Wang et al. 2024, FLoRA: Federated Fine-Tuning Large Language Models with Heterogeneous
Low-Rank Adaptations (arXiv 2409.05976), section 3.
"""

import numpy as np

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.low_rank import layers, total
from fedmedlora.federation.averaging import by_size_with
from fedmedlora.federation.local_factors import averaged_rest, mean_change
from fedmedlora.federation.patches import next_patch
from fedmedlora.federation.strategy import Combined, Method, Round


def _combine(round_: Round) -> Combined:
    adapter = plain(round_.received)
    changes = {layer: total(mean_change(round_, layer)) for layer in layers(adapter)}
    # What was received is the fresh adapter already: its A was never changed, its B is zero.
    fresh = {name: np.zeros_like(adapter[name]) for layer in changes for name in layer}
    return Combined(
        delta={**fresh, **averaged_rest(round_)},
        companions=next_patch(round_.received, changes),
    )


METHOD = Method("FLoRA", by_size_with(combine=_combine, patches_base=True))
