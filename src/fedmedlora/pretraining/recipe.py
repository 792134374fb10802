"""What the bundled base is and how long it is trained: every number of it, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training with a schedule and an optimiser of its own.

    The learning rate rises over the warm-up, stays, and falls to zero over the cool-down, so that
    a stage can be made longer from any checkpoint before the cool-down.

    Attributes:
        steps: Optimiser steps.
        warmup: Steps until the learning rate is at its peak.
        cooldown: Last part of the steps, in which the learning rate falls, in (0, 1].
        learning_rate: Its peak.
        both_ways: Whether every second step reads both ways.
    """

    steps: int
    warmup: int
    cooldown: float
    learning_rate: float
    both_ways: bool = False

    def rate(self, step: int) -> float:
        """Return the learning rate of a step of this stage, counted from 0.

        Source: trapezoidal schedule, Hägele et al., Scaling Laws and Compute-Optimal Training
        Beyond Fixed Training Durations (arXiv 2405.18392), section 3, with linear ends.
        """
        rise = (step + 1) / self.warmup
        fall = (self.steps - step) / (self.cooldown * self.steps)
        return self.learning_rate * min(1.0, rise, fall)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Shape and schedule of a base model.

    Attributes:
        vocabulary: Tokens in all.
        width: Hidden size.
        inner_width: Width of the gated layer between.
        depth: Number of layers.
        heads: Attention heads in a layer.
        window: Tokens of a training window, and the most the model reads.
        windows_a_step: Windows in one optimiser step.
        stages: What is trained, in order.
        laid_down_share: The part of the learning rate by which weights that were laid down are
            changed.
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
    stages: tuple[Stage, ...] = (
        Stage(steps=5200, warmup=200, cooldown=0.35, learning_rate=2e-3),
        Stage(steps=4800, warmup=50, cooldown=0.5, learning_rate=1e-3, both_ways=True),
    )
    laid_down_share: float = 0.5
    weight_decay: float = 0.1
    mark_weight: float = 4.0
    rope_theta: float = 500_000.0
    seed: int = 0

    @property
    def steps(self) -> int:
        """Return the steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage(self, step: int) -> tuple[Stage, int]:
        """Return the stage of a step, counted from 0, and its number within that stage.

        Raises:
            ValueError: The training is over by then.
        """
        for stage in self.stages:
            if step < stage.steps:
                return stage, step
            step -= stage.steps
        raise ValueError(f"step: found one {step} behind the last, expected less than {self.steps}")
