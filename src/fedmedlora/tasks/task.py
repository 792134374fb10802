"""The one shape every task has, and the plain numbers that pass between a task and a model.

A task never sees a model: it makes examples, is handed a function that answers them, and counts
what came back. A model never sees a note: it reads token ids and gives back integers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.tasks.counts import NoteCounts, Part


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text cut into tokens, once.

    Attributes:
        text: All of it.
        ids: Vocabulary index of each token.
        offsets: Characters of each token in the text, (start, end), end exclusive.
    """

    text: str
    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]


class Tokenizer(Protocol):
    """Cuts text into tokens; `prefix` and `suffix` are the ids a model wants around its input."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    def tokenize(self, text: str) -> Tokens:
        """Return the tokens of a text, without prefix and suffix."""
        ...

    def text(self, ids: Sequence[int]) -> str:
        """Return what some ids say."""
        ...


class Example(Protocol):
    """What a model reads and what it should give back; a formulation says in which form."""

    @property
    def num_label_tokens(self) -> int:
        """Return the number of tokens the loss looks at."""
        ...

    @property
    def alike(self) -> tuple[int, ...]:
        """Return a key by which examples that go well into one batch stand side by side.

        Its last number is how many tokens the example adds to a batch.
        """
        ...

    @property
    def ideal(self) -> NDArray[np.int64]:
        """Return the output of a model that makes no mistake."""
        ...


ExampleT = TypeVar("ExampleT", bound=Example)
ExampleT_contra = TypeVar("ExampleT_contra", bound=Example, contravariant=True)


@dataclass(frozen=True, slots=True)
class Output:
    """What a model gives back for an example.

    Attributes:
        values: In the form of the example's `ideal`.
        log_probs: Of each value, how likely the model held it among those that might have stood in
            its place, in nats; shaped like `values`, 0 where nothing else might have. None where
            the model does not tell.
    """

    values: NDArray[np.int64]
    log_probs: NDArray[np.float64] | None = None


Answer = Callable[[Sequence[ExampleT]], Sequence[Output]]
"""Asks a model: for each example its output; its `ideal` is not read."""

Prediction = TypeVar("Prediction")


class Shown(Protocol):
    """Examples whose answers a model is shown before a question."""

    @property
    def told(self) -> Mapping[str, int]:
        """Return how many of each sort there are."""
        ...


class Task(Protocol[ExampleT, Prediction]):
    """What is learnt, as a base model is asked; `tasks.kind` has what is known before.

    A prediction is what the model makes of one note; its counts are how good that is, in numbers
    only, so that they may leave the site.
    """

    @property
    def num_positions(self) -> int:
        """Return how many tokens a model must be able to read at once."""
        ...

    def examples(
        self, notes: Sequence[Note], labels: Labels, *, max_heads: int | None = None
    ) -> list[ExampleT]:
        """Return what a model trains on, with targets only for the types in `labels`."""
        ...

    def examples_by_note(self, notes: Sequence[Note], labels: Labels) -> list[list[ExampleT]]:
        """Return what a model trains on by note; what a note gives depends on no other."""
        ...

    def predict(
        self,
        notes: Sequence[Note],
        labels: Labels,
        answer: Answer[ExampleT],
        *,
        parts: Sequence[Part] = ...,
        shown: Any = None,  # noqa: ANN401 -- what the task's own `shown` returns
    ) -> list[Prediction]:
        """Return what the model behind `answer` makes of each note.

        Args:
            notes: What is read; their gold does not count.
            parts: What is wanted; all where nothing is said.
            shown: What the model is shown before each question.
        """
        ...

    def shown(self, notes: Sequence[Note], labels: Labels, *, number: int) -> Shown:
        """Return what a model is shown of some notes: at most so many of each sort."""
        ...

    def ceiling(self, notes: Sequence[Note], labels: Labels) -> list[Prediction]:
        """Return what a perfect model would make of each note."""
        ...

    def score(
        self, notes: Sequence[Note], predictions: Sequence[Prediction], labels: Labels
    ) -> list[NoteCounts]:
        """Return each note's counts."""
        ...

    def judged(
        self, notes: Sequence[Note], predictions: Sequence[Prediction], labels: Labels
    ) -> Mapping[Part, Sequence[tuple[float, bool]]]:
        """Return how likely the model held each find, in nats, and whether it is right, by part."""
        ...

    def drawn(self, note: Note, prediction: Prediction, labels: Labels) -> dict[str, object]:
        """Return what the report draws of a note of a public site."""
        ...
