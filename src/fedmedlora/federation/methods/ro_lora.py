"""RoLoRA: the rounds take turns, B in odd ones, A in even ones; the other factor stays as it is.

In a round all sites share one factor, so the average is exact, and half as many bytes travel.
Tensors beside the factors, as a head, are trained and averaged in every round.

Source: Chen et al. 2025, Robust Federated Finetuning of LLMs via Alternating Optimization of LoRA
(arXiv 2502.01755), Algorithm 1.
"""

from fedmedlora.adapters.weights import lora_factor
from fedmedlora.federation.averaging import by_size_with
from fedmedlora.federation.local_rule import LocalRule, Part
from fedmedlora.federation.strategy import Method


def _part(round_index: int, name: str) -> Part:
    resting = "A" if round_index % 2 else "B"
    return "frozen" if lora_factor(name) == resting else "shared"


METHOD = Method("RoLoRA", by_size_with(local=LocalRule(part=_part)))
