"""Answers that a model writes: what it is given, what it should say, and what it may say.

    instruction   what is wanted, the same for all windows of a site        read once
    shown         windows with their answers, where the model is shown some
    question      the window, and what stands behind it
    completion    the answer, its end among it

`markup` writes the window again, `json_list` writes a list, other tasks choose or write freely;
each has a grammar, which holds the model to answers that can be read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fedmedlora.tasks.heads import Ids, laid_out, num_head_marks
from fedmedlora.tasks.prompts import AFTER_TEXT, BEFORE_NEXT, Wording, instruction
from fedmedlora.tasks.reading import Reading
from fedmedlora.tasks.task import Tokenizer


class Progress(Protocol):
    """How far an answer has come; each grammar has its own."""

    @property
    def is_whole(self) -> bool:
        """Return whether the end was said."""
        ...


ProgressT = TypeVar("ProgressT")


@dataclass(frozen=True, slots=True)
class Anything:
    """Every id there is to write with.

    Attributes:
        num_ids: How many there are; each is below it.
        expected: The one to be expected first.
    """

    num_ids: int
    expected: int

    def __len__(self) -> int:
        return self.num_ids


def expected(legal: "Ids | Anything") -> int:
    """Return the id to be expected first of those that may come next, of which there is one."""
    return legal.expected if isinstance(legal, Anything) else legal[0]


def legal_ids(each: "Sequence[Ids | Anything]") -> Sequence[int]:
    """Return all ids that are legal somewhere, in order; every one from 0 on where anything is."""
    listed = {id_ for legal in each if not isinstance(legal, Anything) for id_ in legal}
    free = max((len(legal) for legal in each if isinstance(legal, Anything)), default=0)
    return range(max(free, *(id_ + 1 for id_ in listed), 1)) if free else sorted(listed)


def index_of(ids: Sequence[int]) -> slice | list[int]:
    """Return what picks the rows of some ids; of all from 0 on, what picks them without a copy."""
    return slice(len(ids)) if isinstance(ids, range) else [*ids]


class Grammar(Protocol[ProgressT]):
    """What may come next in an answer."""

    @property
    def text(self) -> Ids:
        """Return the ids that an answer is made of for the most part."""
        ...

    def shortened(self, num_ids: int) -> "Grammar[ProgressT]":
        """Return the same for answers that may be so many ids shorter at most."""
        ...

    @property
    def end(self) -> int:
        """Return the id that says that an answer is whole."""
        ...

    def begin(self) -> ProgressT:
        """Return the state before the first id."""
        ...

    def legal(self, state: ProgressT) -> Ids | Anything:
        """Return the ids that may come next, the one to be expected first; none at the end."""
        ...

    def step(self, state: ProgressT, id_: int) -> ProgressT:
        """Return the state after one more legal id."""
        ...

    def is_mark(self, before: ProgressT, after: ProgressT) -> bool:
        """Return whether a step said what is rare and counts: that something was found."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One id of an answer: which were legal, and whether it is of a mark."""

    legal: Ids | Anything
    is_mark: bool


@dataclass(frozen=True)
class WrittenExample:
    """A window and its answer.

    Attributes:
        instruction: Ids that many examples begin with.
        question: Ids that follow, to the last before the answer.
        completion: Ids of the answer, the end among them.
        grammar: What an answer may be.
    """

    instruction: Ids
    question: Ids
    completion: Ids
    grammar: Grammar[Any]

    @property
    def num_label_tokens(self) -> int:
        """Return the number of tokens of the answer."""
        return len(self.completion)

    @property
    def alike(self) -> tuple[int, ...]:
        """Return a key: the instruction first, which is read once for all that share it."""
        return (hash(self.instruction), len(self.question) + len(self.grammar.text))

    @property
    def ideal(self) -> NDArray[np.int64]:
        """Return the answer itself."""
        return np.array(self.completion, np.int64)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Return what was legal at each id of the answer."""
        steps = []
        state = self.grammar.begin()
        for id_ in self.completion:
            after = self.grammar.step(state, id_)
            steps.append(Step(self.grammar.legal(state), self.grammar.is_mark(state, after)))
            state = after
        return tuple(steps)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before an answer.

    Attributes:
        instruction: Ids that all windows of a site share.
        question: Ids of the window and of what stands behind it.
        text: Ids of the window, its head marked.
        positions: The place in the text of each of the window's tokens.
    """

    instruction: Ids
    question: Ids
    text: Ids
    positions: list[int]


@dataclass(frozen=True, slots=True)
class Prompts:
    """How a base is asked to write.

    Attributes:
        wording: What it is told to do.
        tokenizer: Its own.
        most_positions: The most tokens it reads at once; None where it sets no limit.
    """

    wording: Wording
    tokenizer: Tokenizer
    most_positions: int | None

    def prompt(self, reading: Reading) -> Prompt:
        """Return what stands before the answer to a reading."""
        text, positions = laid_out(reading, self.tokenizer)
        told = instruction(self.wording, reading.types, of_head=reading.head is not None)
        asked = (*self.tokenizer.prefix, *self.tokenizer.tokenize(told).ids)
        return Prompt(asked, (*text, *self.tokenizer.tokenize(AFTER_TEXT).ids), text, positions)

    def most_ids(self, prompt: Prompt) -> int | None:
        """Return how many ids the answer to a prompt may have; None sets no limit."""
        if self.most_positions is None:
            return None
        # The last id of an answer is never read.
        return self.most_positions - len(prompt.instruction) - len(prompt.question) + 1

    def num_positions(self, types: Sequence[str], window_tokens: int) -> int:
        """Return the most tokens of a window and its copy, for windows of a length."""
        longest = max(
            len(self.tokenizer.tokenize(instruction(self.wording, types, of_head=of_head)).ids)
            for of_head in (False, True)
        )
        around = len(self.tokenizer.prefix) + len(self.tokenizer.tokenize(AFTER_TEXT).ids) + 1
        return around + longest + 2 * (window_tokens + num_head_marks(self.tokenizer))

    def spare(self, types: Sequence[str], window_tokens: int) -> float:
        """Return how many tokens are left beside a window and its copy, for windows of a length."""
        if self.most_positions is None:
            return math.inf
        return self.most_positions - self.num_positions(types, window_tokens)

    def behind(self, example: WrittenExample, shown: Sequence[WrittenExample]) -> WrittenExample:
        """Return an example that comes behind others with their answers."""
        return behind(example, shown, self.tokenizer)

    def num_shown(self, example: WrittenExample) -> int:
        """Return how many tokens showing an example takes."""
        return len(as_shown(example, self.tokenizer))


def behind(
    example: WrittenExample, shown: Sequence[WrittenExample], tokenizer: Tokenizer
) -> WrittenExample:
    """Return an example that comes behind others with their answers."""
    before = tuple(id_ for one in shown for id_ in as_shown(one, tokenizer))
    return replace(
        example,
        instruction=(*example.instruction, *before),
        grammar=example.grammar.shortened(len(before)),
    )


def as_shown(example: WrittenExample, tokenizer: Tokenizer) -> Ids:
    """Return the ids by which an example is shown with its answer, before the next question."""
    # What says that an answer is whole ends the text for many bases.
    return (*example.question, *example.completion[:-1], *tokenizer.tokenize(BEFORE_NEXT).ids)
