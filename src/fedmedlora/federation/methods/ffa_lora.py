"""FFA-LoRA: the factors A stay as they were seeded; only B is trained and travels.

    mean_k(B_k) A  =  mean_k(B_k A)

so the average is exact, and half as many bytes travel. Tensors beside the factors, as a head, are
trained and averaged as ever.

Source: Sun et al. 2024, Improving LoRA in Privacy-preserving Federated Learning (arXiv 2403.12313),
section 3.
"""

from fedmedlora.adapters.weights import lora_factor
from fedmedlora.federation.averaging import by_size_with
from fedmedlora.federation.local_rule import LocalRule, Part
from fedmedlora.federation.strategy import Method


def _part(round_index: int, name: str) -> Part:
    del round_index
    return "frozen" if lora_factor(name) == "A" else "shared"


METHOD = Method("FFA-LoRA", by_size_with(local=LocalRule(part=_part)))
