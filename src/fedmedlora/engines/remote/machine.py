"""How a hospital's machine does its part, in a file of the site's own: slower, smaller, in 4 bits.

The coordinator's experiment says how a site trains; where a machine cannot, its own settings stand
in their place. The bytes of a run are then no longer those of one machine.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.schema import Experiment, Model, Training
from fedmedlora.experiment.toml_reading import read_file_of
from fedmedlora.ranges import at_least

_Count = Annotated[int, at_least(1)]
OF_MODEL = ("dtype", "quantization")
"""What changes the number format, and with it the adapter that a site draws at the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a site does otherwise than the experiment says; None does as it says.

    Attributes:
        dtype: Of the frozen base and of products.
        quantization: "4bit" keeps the frozen layers in four bits, with the extra `quantization`.
        batch_size: Examples a step.
        gradient_checkpointing: Less memory, a third more time, the same gradients.
        num_threads: Threads of the process.
    """

    dtype: Literal["auto", "float32", "bfloat16"] | None = None
    quantization: Literal["none", "4bit"] | None = None
    batch_size: _Count | None = None
    gradient_checkpointing: bool | None = None
    num_threads: _Count | None = None

    def model(self, experiment: Experiment) -> Model:
        """Return the base model as it runs here."""
        own = {key: value for key, value in self.own().items() if key in OF_MODEL}
        return replace(experiment.model, **own)

    def training(self, experiment: Experiment) -> Training:
        """Return how training goes here."""
        own = {key: value for key, value in self.own().items() if key not in OF_MODEL}
        return replace(experiment.training, **own)

    def require_private(self, experiment: Experiment) -> None:
        """Check that this machine can train in private, where an experiment does.

        Raises:
            InputError: It does what gradients by row cannot be had with.
        """
        wrong = {"quantization": self.quantization == "4bit"}
        wrong["gradient_checkpointing"] = self.gradient_checkpointing is True
        if experiment.privacy.mode != "record":
            return
        expected = 'none beside privacy.mode = "record"'
        advice = "take the line out, or take no part"
        faults = [
            Fault(f"machine.toml of the site: {key}", "it", expected, advice)
            for key, is_set in wrong.items()
            if is_set
        ]
        if faults:
            raise InputError(faults)

    def own(self) -> dict[str, Any]:
        """Return what stands in the place of the experiment's."""
        return {key: value for key, value in asdict(self).items() if value is not None}


AS_TOLD = Machine()
EXAMPLE = """\
# How this machine does its part where it cannot do as the experiment says. Copy it to machine.toml
# and take the # away where a line is to count.

# Of the frozen base and of products: "auto", "float32" or "bfloat16".
# dtype = "bfloat16"
# The frozen layers in four bits, with the extra `quantization`; or "none".
# quantization = "4bit"
# Examples a step.
# batch_size = 4
# Less memory, a third more time, the same gradients.
# gradient_checkpointing = true
# Threads of the process.
# num_threads = 8
"""


def read_machine(folder: Path) -> Machine:
    """Return what a folder's `machine.toml` says; a folder without one does as it is told.

    Raises:
        InputError: Everything that is wrong with the file.
    """
    return read_file_of(Machine, folder / "machine.toml")
