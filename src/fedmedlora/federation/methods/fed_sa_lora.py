"""FedSA-LoRA: the factors A are shared; each site trains a B of its own and keeps it.

There is no adapter for a site that has not trained: it has no B. Tensors beside the factors, as a
head, are shared.

Source: Guo et al. 2025, Selective Aggregation for Low-Rank Adaptation in Federated Learning
(arXiv 2410.01463), section 3.
"""

from fedmedlora.adapters.weights import lora_factor
from fedmedlora.federation.averaging import by_size_with
from fedmedlora.federation.local_rule import LocalRule, Part
from fedmedlora.federation.strategy import Method


def _part(round_index: int, name: str) -> Part:
    del round_index
    return "own" if lora_factor(name) == "B" else "shared"


METHOD = Method("FedSA-LoRA", by_size_with(local=LocalRule(part=_part)))
