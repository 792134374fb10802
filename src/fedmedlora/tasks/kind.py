"""What is known of a task before a model is opened: one file of `kinds` is one, under its name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from fedmedlora.clinical.notes import FieldKind, Labels, Note
from fedmedlora.errors import Fault
from fedmedlora.registry import members
from fedmedlora.tasks import kinds as package
from fedmedlora.tasks.counts import Matching, Part
from fedmedlora.tasks.task import Task, Tokenizer


@dataclass(frozen=True, slots=True)
class Metric:
    """An F1 of a site's scores; of a part that is a mean over notes, that mean.

    Attributes:
        title: What a person calls it.
        short: The same where there is little room, below its group.
        group: What it stands among.
        score: What a number of it is called.
    """

    part: Part
    matching: Matching
    title: str
    short: str
    group: str
    score: str = "F1"

    @property
    def of_all(self) -> str:
        """Return what stands above statistics of it."""
        return f"{self.title} {self.score}" if self.score not in self.title else self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A base model as a task asks it.

    Attributes:
        types: All that extraction will ask for.
        formulation: The form in which extraction asks for it.
        window_tokens: Tokens of a text read at once at most.
        answer_tokens: Tokens of a free answer at most, its end among them.
        num_ids: How many ids the tokenizer has.
        end_id: Says that an answer is whole; None for a model that does not write.
        most_positions: The most tokens the base reads at once; None where it sets no limit.
    """

    tokenizer: Tokenizer
    types: tuple[str, ...]
    formulation: str
    window_tokens: int
    answer_tokens: int
    num_ids: int
    end_id: int | None
    most_positions: int | None


class TaskKind(Protocol):
    """A task by name: what its notes must have, what it is scored by, how it is opened.

    Attributes:
        title: What a person calls it.
        does: What a model does that learnt it, and by which figure, up to its value.
        figure: The first figure in words.
        glossary: What the figures mean, term and meaning.
        fields: Key to kind of all that must stand beside the text of its notes.
        parts: All that is scored by itself.
        round_parts: What of it is scored after each round.
        sure_parts: What a model's confidence is counted of, and calibrated.
        typed: What of it is told type by type.
        ceilings: What of it a form of asking may not reach: name to the part whose recall it is.
        metrics: Name to what results are told by; the first chooses the best round.
        compared: Name of what arms are compared by, to the figure of a tally that it is the F1 of.
    """

    title: str
    does: str
    figure: str
    glossary: Sequence[tuple[str, str]]
    fields: Mapping[str, FieldKind]
    parts: tuple[Part, ...]
    round_parts: tuple[Part, ...]
    sure_parts: tuple[Part, ...]
    typed: tuple[Part, ...]
    ceilings: Mapping[str, Part]
    metrics: Mapping[str, Metric]
    compared: Mapping[str, str]

    def writes(self, formulation: str) -> bool:
        """Return whether the model writes its answers."""
        ...

    def scored(self, parts: Sequence[Part], labels: Labels) -> Sequence[Part]:
        """Return those of some parts that a site with these labels can be scored on."""
        ...

    def faults(self, note: Note) -> Iterator[Fault]:
        """Yield what is wrong with what stands beside a note's text; `where` is the key."""
        ...

    def open(self, asked: Asked) -> Task[Any, Any]:
        """Return the task as a base model is asked."""
        ...


@cache
def task_kinds() -> Mapping[str, TaskKind]:
    """Return every task by name, in the order of the names."""
    return members(package, "KIND")


def lead_metric(kind: TaskKind) -> Metric:
    """Return the figure that chooses the best round."""
    return next(iter(kind.metrics.values()))
