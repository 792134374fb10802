"""The one shape every task has, and the plain numbers that pass between a task and a model.

A task never sees a model: it makes examples, is handed a function that answers them, and scores
what came back. A model never sees a note: it reads token ids and gives back integers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fedmedlora.clinical.notes import Labels, Note

IGNORED = -100
"""The target of a position that the loss must not look at."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text cut into tokens, once.

    Attributes:
        ids: Vocabulary index of each token.
        offsets: Characters of each token in the text, (start, end), end exclusive.
    """

    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]


class Tokenizer(Protocol):
    """Cuts text into tokens; `prefix` and `suffix` are the ids a model wants around its input."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]

    def tokenize(self, text: str) -> Tokens:
        """Return the tokens of a text, without prefix and suffix."""
        ...


@dataclass(frozen=True, slots=True)
class Example:
    """What a model reads and what it should give back.

    Attributes:
        input_ids: Token ids, (length,).
        targets: (length, ...) int64; `IGNORED` where the loss must not look.
    """

    input_ids: tuple[int, ...]
    targets: NDArray[np.int64]

    @property
    def num_label_tokens(self) -> int:
        """Return the number of positions with at least one target."""
        known = self.targets != IGNORED
        return int(known.reshape(len(self.input_ids), -1).any(axis=1).sum())


Answer = Callable[[Sequence[Example]], Sequence[NDArray[np.int64]]]
"""Asks a model: for each example its output, shaped like the targets. Targets are not read."""

Scores = dict[str, Any]
"""What a task's scorer returns for one site, ready for JSON; extraction's is in the interface."""


class Task(Protocol):
    """What is learnt. A new task is one file with these methods."""

    def examples(self, notes: Sequence[Note], labels: Labels) -> list[Example]:
        """Return what a model trains on, with targets only for the types in `labels`."""
        ...
