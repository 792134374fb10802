"""What the bundled base is and how long it is trained: every number of it, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Shape and schedule of a base model.

    The learning rate rises over the warm-up, stays, and falls to zero over the cool-down, so that
    a run can be made longer from any checkpoint before the cool-down.

    Attributes:
        vocabulary: Tokens in all.
        width: Hidden size.
        inner_width: Width of the gated layer between.
        depth: Number of layers.
        heads: Attention heads in a layer.
        window: Tokens of a training window, and the most the model reads.
        windows_a_step: Windows in one optimiser step.
        steps: Optimiser steps in all.
        warmup: Steps until the learning rate is at its peak.
        cooldown: Last part of the steps, in which the learning rate falls, in (0, 1].
        learning_rate: Its peak.
        laid_down_share: The part of it by which weights that were laid down are changed.
        weight_decay: Of matrices.
        mark_weight: How often a part of a mark counts where another token counts once.
        rope_theta: Base of the rotary positions: pairs of dimensions turn by its powers.
        seed: Of the first weights and of the stream.
    """

    vocabulary: int = 8192
    width: int = 256
    inner_width: int = 704
    depth: int = 6
    heads: int = 4
    window: int = 1024
    windows_a_step: int = 2
    steps: int = 5200
    warmup: int = 200
    cooldown: float = 0.35
    learning_rate: float = 2e-3
    laid_down_share: float = 0.5
    weight_decay: float = 0.1
    mark_weight: float = 4.0
    rope_theta: float = 500_000.0
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0.

        Source: trapezoidal schedule, Hägele et al., Scaling Laws and Compute-Optimal Training
        Beyond Fixed Training Durations (arXiv 2405.18392), section 3, with linear ends.
        """
        rise = (step + 1) / self.warmup
        fall = (self.steps - step) / (self.cooldown * self.steps)
        return self.learning_rate * min(1.0, rise, fall)
