"""How a model is adapted and trained at a site; defaults stand in the experiment alone."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Low-rank adapters: W + (alpha / rank) B A on each target.

    Source: LoRA, arXiv 2106.09685, section 4.1.

    Attributes:
        target_modules: Names of linear layers, or "all-linear".
    """

    rank: int
    alpha: int
    dropout: float
    target_modules: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The training loop of one site.

    Attributes:
        epochs: Passes over what a round takes of the site's examples.
        rounds_per_epoch: Rounds among which the examples are dealt out. Averaging more often at
            equal passes keeps the sites closer together.
        batch_size: Examples a step, at most.
        min_steps: Steps of a round's pass, as long as there are as many examples. A small site that
            took few steps would barely move away from the global adapter, and its notes would count
            for less than its share.
        learning_rate: Peak, for the LoRA factors B, or for a base's own weights.
        rate_ratio: How many times as fast B learns as A.
        head_learning_rate: Peak, for a tagging head; None means the same.
        warmup: Share of all steps of the run in which the rate rises.
        weight_decay: AdamW's, on all that is trained.
        max_gradient_norm: Gradients are scaled down to this L2 norm.
        gradient_checkpointing: Layers keep their input alone and compute the rest again on the way
            back: less memory, a third more time, the same gradients.
        num_threads: Threads of one operation; fixed, because it decides the bytes.
    """

    epochs: int
    rounds_per_epoch: int
    batch_size: int
    min_steps: int
    learning_rate: float
    rate_ratio: float
    head_learning_rate: float | None
    warmup: float
    weight_decay: float
    max_gradient_norm: float
    gradient_checkpointing: bool
    num_threads: int

    def batch_size_for(self, num_examples: int) -> int:
        """Return the batch size of a site: smaller where its pass would have too few steps."""
        return max(1, min(self.batch_size, num_examples // self.min_steps))


Dtype = Literal["float32", "bfloat16"]
Quantization = Literal["none", "4bit"]
