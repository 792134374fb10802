"""Everything that can go wrong in the domain, as exceptions with one message form.

    FedMedLoRAError
    ├── InputError           the person's input is wrong: every fault at once   (exit 2)
    ├── ModelError           a base model or adapter is not what it must be     (exit 2)
    │   ├── OversizeError      more than a file may hold
    │   └── NumberFormatError  other numbers than a file must hold
    ├── AdmissionError       one site's update cannot be used; the round goes on
    ├── TrainingError        one site's training failed; the round goes on
    ├── AggregationError     the admitted updates cannot be combined            (exit 3)
    ├── QuorumError          too few sites answered                             (exit 3)
    ├── IdentityError        a key, a name or a signature is not what it must be (exit 2)
    ├── LedgerError          the ledger refuses, or cannot be reached            (exit 3)
    ├── EngineError          what does the work is gone                         (exit 3)
    └── StoreError           the run store cannot be read or written            (exit 3)

A message reads *where: found X, expected Y; what to do* and never holds note text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fedmedlora.reason_codes import ReasonCode


class FedMedLoRAError(Exception):
    """Any trouble of the domain; `exit_code` is what the command line returns for it."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input.

    Attributes:
        where: File, line and key, as `site/train.jsonl:3: entities[0].end`.
        found: What stands there, without note text.
        expected: What should stand there.
        advice: What to do, or "" where `expected` says it.
    """

    where: str
    found: str
    expected: str
    advice: str = ""

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.where}: found {self.found}, expected {self.expected}{advice}"


class InputError(FedMedLoRAError):
    """An input is wrong; holds every fault found in it."""

    exit_code = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class ModelError(FedMedLoRAError):
    """A base model or an adapter is missing, altered or of another shape.

    `code` is why a site does not count in a round whose update it is.
    """

    exit_code = 2
    code: ReasonCode = "unreadable"


class OversizeError(ModelError):
    """A file is larger, or claims to hold more, than what is read from it may be."""

    code: ReasonCode = "too_large"


class NumberFormatError(ModelError):
    """A file holds numbers of another format than it must."""

    code: ReasonCode = "wrong_dtype"


class AdmissionError(FedMedLoRAError):
    """A site's update is refused; the message is the recorded reason, `code` its kind."""

    def __init__(self, message: str, *, code: ReasonCode) -> None:
        self.code: ReasonCode = code
        super().__init__(message)


class TrainingError(FedMedLoRAError):
    """Training at a site cannot go on."""


class AggregationError(FedMedLoRAError):
    """The admitted updates cannot be combined."""


class QuorumError(FedMedLoRAError):
    """Fewer sites than the quorum sent a usable update."""


class IdentityError(FedMedLoRAError):
    """A key, a name or a passphrase is missing or not what it must be."""

    exit_code = 2


class LedgerError(FedMedLoRAError):
    """The ledger refuses what it is asked for, or cannot be read or reached."""


class EngineError(FedMedLoRAError):
    """A process that does an engine's work has ended."""


class StoreError(FedMedLoRAError):
    """The run store cannot be read, written or resumed."""
