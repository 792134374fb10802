"""How a model is adapted and trained at a site; the experiment's sections, one for one."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Low-rank adapters: W + (alpha / rank) B A on each target.

    Source: LoRA, arXiv 2106.09685, section 4.1. The defaults are Fed-MedLoRA's.

    Attributes:
        target_modules: Names of linear layers, or "all-linear".
    """

    rank: int = 16
    alpha: int = 64
    dropout: float = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The training loop of one site.

    Attributes:
        epochs: Passes over the site's examples in one round.
        batch_size: Examples a step.
        learning_rate: Peak, for the LoRA factors.
        head_learning_rate: Peak, for a tagging head; None means the same.
        warmup: Share of all steps of the run in which the rate rises.
        weight_decay: AdamW's, on the LoRA factors and the head.
        max_gradient_norm: Gradients are scaled down to this L2 norm.
        num_threads: Threads of one operation; fixed, because it decides the bytes.
    """

    epochs: int = 1
    batch_size: int = 16
    learning_rate: float = 1e-3
    head_learning_rate: float | None = None
    warmup: float = 0.05
    weight_decay: float = 0.0
    max_gradient_norm: float = 1.0
    num_threads: int = 2


Dtype = Literal["float32", "bfloat16"]
