"""What an experiment says of differential privacy: its section `[privacy]`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fedmedlora.federation.private_plan import Unit
from fedmedlora.ranges import above, at_least, below

_Count = Annotated[int, at_least(1)]
Mode = Literal["none", "record", "site"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """What hides a note, a patient or a whole site in what is trained, see docs/method.md.

    Attributes:
        mode: "record" has each site train with noise, so that its updates hide each of its units;
            "site" has the server add noise to the sum of the updates, which hides a site in the
            global adapter, and nothing from the server.
        unit: Whose presence "record" hides; a patient needs the key "patient" in every note.
        epsilon: What all rounds of all private arms of the run may come to; the noise follows.
        noise_multiplier: The noise over `clip`, in the place of `epsilon`.
        delta: What epsilon is told at; below one in the number of units.
        clip: The most, in L2, that one unit counts in a step, or one site's update in a round.
        units_a_step: How many of a site's units a step draws on average; each unit drawn gives one
            of its examples.
        steps: Steps a round, in the place of passes over the notes.
        shares: Of "site": the fixed share of each training site, in the order of [[sites]]; without
            any all are alike.
    """

    mode: Mode = "none"
    unit: Unit = "note"
    epsilon: Annotated[float, above(0)] | None = None
    noise_multiplier: Annotated[float, above(0)] | None = None
    delta: Annotated[float, above(0), below(1)] = 1e-5
    clip: Annotated[float, above(0)] = 1.0
    units_a_step: _Count = 8
    steps: _Count = 16
    shares: tuple[Annotated[float, above(0)], ...] = ()
