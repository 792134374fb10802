"""What a training at a site must keep of differential privacy, and what it counts by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal

from fedmedlora.tasks.task import ExampleT

Unit = Literal["note", "patient"]
"""Whose presence is hidden."""


@dataclass(frozen=True, slots=True)
class PrivatePlan:
    """What a site's private training is told; the formulas are those of `training.private_steps`.

    Attributes:
        run: What the run is called, for the site's record.
        arm: The arm that asks, for the site's record.
        unit: Whose presence is hidden.
        clip: C: the most, in L2, that one unit moves the sum of the gradients.
        units_a_step: How many units a step draws on average.
        steps: Steps of this round.
        run_steps: Steps of all that the run asks of this site, over which `epsilon` is meant.
        delta: What epsilon is told at.
        epsilon: What all steps of the run may come to; None where the noise is given.
        noise_multiplier: sigma; None where it follows from epsilon.
    """

    run: str
    arm: str
    unit: Unit
    clip: float
    units_a_step: int
    steps: int
    run_steps: int
    delta: float
    epsilon: float | None = None
    noise_multiplier: float | None = None


@dataclass(frozen=True, slots=True)
class Units(Generic[ExampleT]):
    """A site's training examples, by the unit that they belong to.

    Attributes:
        examples: Of each unit; a unit may have none, and is counted.
        most_notes: The most notes that one patient has here; None where notes name no patient.
    """

    examples: Sequence[Sequence[ExampleT]]
    most_notes: int | None
