"""The one shape every task has, and the plain numbers that pass between a task and a model.

A task never sees a model: it makes examples, is handed a function that answers them, and scores
what came back. A model never sees a note: it reads token ids and gives back integers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fedmedlora.clinical.notes import Labels, Note


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

Scores = dict[str, Any]
"""What a task's scorer returns for one site, ready for JSON; extraction's is in docs/method.md."""

Prediction = TypeVar("Prediction")
Record = TypeVar("Record")


class Task(Protocol[ExampleT, Prediction, Record]):
    """What is learnt. A new task is one file with these members.

    A prediction is what the model makes of one note; a record is how good that is, in numbers
    only, so that it may leave the site.
    """

    def examples(
        self, notes: Sequence[Note], labels: Labels, *, max_heads: int | None = None
    ) -> list[ExampleT]:
        """Return what a model trains on, with targets only for the types in `labels`."""
        ...

    def predict(
        self,
        notes: Sequence[Note],
        labels: Labels,
        answer: Answer[ExampleT],
        *,
        parts: Sequence[str],
    ) -> list[Prediction]:
        """Return what the model behind `answer` makes of each note."""
        ...

    def score(
        self, notes: Sequence[Note], predictions: Sequence[Prediction], labels: Labels
    ) -> list[Record]:
        """Return one record a note."""
        ...
