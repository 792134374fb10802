"""FFA-LoRA: the factors A stay as they were seeded; only B is trained and travels.

    mean_k(B_k) A  =  mean_k(B_k A)

so the average is exact, and half as many bytes travel. Tensors beside the factors, as a head, are
trained and averaged as ever.

Source: Sun et al. 2024, Improving LoRA in Privacy-preserving Federated Learning (arXiv 2403.12313),
section 3.
"""

from dataclasses import replace

from fedmedlora.adapters.weights import lora_factor
from fedmedlora.federation.averaging import by_size
from fedmedlora.federation.local_rule import LocalRule, Part
from fedmedlora.federation.strategy import Method, Strategy
from fedmedlora.federation.weighting import Weighting


def _part(round_index: int, name: str) -> Part:
    del round_index
    return "frozen" if lora_factor(name) == "A" else "shared"


def _strategy(name: str, own: object, weighting: Weighting) -> Strategy:
    return replace(by_size(name, own, weighting), local=LocalRule(part=_part))


METHOD = Method("FFA-LoRA", _strategy)
