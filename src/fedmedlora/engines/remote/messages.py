"""What a coordinator asks of a site, and what comes back; how it travels is the transport's part.

A message is plain JSON values and a few files. Questions and answers carry adapters, numbers and
counts; nothing here knows what a note is.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from fedmedlora.errors import EngineError
from fedmedlora.reason_codes import ReasonCode


@dataclass(frozen=True, slots=True)
class Message:
    """A question, or its answer.

    Attributes:
        subject: What is asked for, as `train`; an answer has its question's.
        body: Plain values for JSON.
        files: By name; what is in them travels, not where they lie. Those of an answer belong to
            whoever gets it, to be moved or removed.
    """

    subject: str
    body: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """What stands for an answer that did not come.

    Attributes:
        reason: Where, what was found, what was expected: for a person to read.
        lost: Whether the site is gone, and may come back.
        code: The kind of reason, where the answer would have been an update.
    """

    reason: str
    lost: bool = False
    code: ReasonCode = "absent"


class SessionOverError(EngineError):
    """The session with the sites ends here, so that the next can have other sites in it.

    Raised between two rounds where a site waits to be let in, and in the middle of one where a site
    is gone: what the others answered is kept, and asked for no more.
    """


@dataclass(frozen=True, slots=True)
class Grace:
    """How long stragglers are waited for.

    An answer counts as it comes, before anybody has looked whether it can be used; a failure does
    not.

    Attributes:
        enough: Once so many sites have answered,
        seconds: the others have so long.
    """

    enough: int
    seconds: float


class Transport(Protocol):
    """How a coordinator reaches the sites of a federation."""

    def sites(self) -> frozenset[str]:
        """Return the sites that can be asked at present, so none that is late with an answer."""
        ...

    def wait_for(self, sites: Collection[str], *, wait_s: float) -> None:
        """Wait until no site of these is at work on a question whose time was over."""
        ...

    def is_to_end(self) -> bool:
        """Return whether somebody waits for this session to end at a boundary between rounds."""
        ...

    def ask(
        self,
        questions: Mapping[str, Message],
        *,
        wait_s: float,
        most_bytes: int,
        grace: Grace | None = None,
    ) -> Iterator[tuple[str, Message | Failure]]:
        """Yield each asked site once with what came of it, as it comes.

        What comes from a site after its time is dropped, and the site is asked nothing before: it
        fails at once.

        Args:
            questions: By site.
            wait_s: So long at most, for all of them.
            most_bytes: Of an answer's files together; a larger answer is refused, and not stored.
            grace: For stragglers; None waits `wait_s` for all.
        """
        ...


class Service(Protocol):
    """What answers at a site."""

    def answer(self, question: Message, folder: Path) -> Message:
        """Return the answer to a question.

        Args:
            question: Its files are this side's to keep or remove.
            folder: An empty one, for the files of the answer; gone once they have travelled.

        Raises:
            FedMedLoRAError: There is none; the message travels as the reason.
        """
        ...
