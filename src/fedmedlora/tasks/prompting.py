"""Extraction by a model that is told in words what to find and answers with a list.

    user        <instruction> Text:            once for all that is shown and asked, if it is alike
                <window that is shown>
    assistant   {"findings": [...]}
    user        <window that is asked about, its head in brackets>

It reads text and says text, so ids mean nothing here: an output is the code points of the answer. A
negative number before them says what kept it from being an answer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fedmedlora.tasks.findings import Found, Span
from fedmedlora.tasks.heads import laid_out_text
from fedmedlora.tasks.items import answer_schema, items_text, read_items
from fedmedlora.tasks.prompts import MEANINGS
from fedmedlora.tasks.reading import Reading, words
from fedmedlora.tasks.task import Tokens

Flaw = Literal["refused", "cut_off", "too_long", "no_answer"]
"""What keeps an output from being an answer:

refused      the model would not answer, or its keeper held the answer back
cut_off      it had more to say than it was let
too_long     the question, with what is shown before it and the answer's limit, is more than the
             model reads at once
no_answer    none came
"""
FLAWS: tuple[Flaw, ...] = get_args(Flaw)

_ENTITIES = "List every mention of these types in the text:"
_RELATIONS = (
    "In the text one mention stands in brackets, its type in front. "
    "List what belongs to it, of these types:"
)
_FORM = (
    'Answer with JSON alone, in the form {"findings": [{"type": "...", "text": "..."}]}. '
    "Keep the order of the text, and list a mention that comes twice twice. "
    "Copy each mention to the letter, without brackets. "
    'Where there is nothing to list, answer {"findings": []}.'
)
_BROKEN = ("never_closed", "unreadable")


@dataclass(frozen=True, slots=True)
class PromptExample:
    """A window and its answer, as text.

    Attributes:
        instruction: What is wanted, alike for many windows.
        text: The window, its head in brackets.
        answer: What should be said.
        schema: What the answer must be, as a JSON schema.
        shown: Examples that come before, with their answers.
    """

    instruction: str
    text: str
    answer: str
    schema: Mapping[str, object]
    shown: tuple["PromptExample", ...] = ()

    @property
    def num_label_tokens(self) -> int:
        """Return the number of characters of the answer."""
        return len(self.answer)

    @property
    def alike(self) -> tuple[int, ...]:
        """Return the number of characters of the window."""
        return (len(self.text),)

    @property
    def ideal(self) -> NDArray[np.int64]:
        """Return the answer, as an output."""
        return output_of(self.answer)


@dataclass(frozen=True, slots=True)
class Prompting:
    """The formulation of models that are told in words.

    Attributes:
        types: Every type that can be asked for.
    """

    types: tuple[str, ...]

    def example(self, reading: Reading, gold: Sequence[Span]) -> PromptExample:
        """Return a window with what is wanted of it and what should be said."""
        task = _RELATIONS if reading.head else _ENTITIES
        meanings = "\n".join(f"- {type_}: {MEANINGS[type_]}" for type_ in reading.types)
        return PromptExample(
            f"{task}\n{meanings}\n{_FORM}\nText:\n",
            laid_out_text(reading, 0)[0],
            items_text(reading, gold),
            answer_schema(reading.types),
        )

    def found(self, reading: Reading, output: NDArray[np.int64]) -> Found:
        """Return what an answer lists, and what kept it from being one."""
        answer, flaw = said_by(output)
        found = read_items(answer, reading)
        if flaw is None:
            return found
        lost = [reason for reason in found.lost if reason not in _BROKEN]
        return Found(found.spans, (*lost, flaw))

    def num_positions(self, window_tokens: int) -> int:
        """Return the words of a window: what else a model reads, only its keeper could count."""
        return window_tokens

    def spare(self, window_tokens: int) -> float:
        """Return infinity: how much a model reads at once, only its keeper knows."""
        del window_tokens
        return math.inf

    def num_shown(self, example: PromptExample) -> int:
        """Return the number of characters that showing an example takes."""
        return len(example.text) + len(example.answer)

    def behind(self, example: PromptExample, shown: Sequence[PromptExample]) -> PromptExample:
        """Return an example that comes behind others, which are shown with their answers."""
        return replace(example, shown=(*shown,))


class WholeWords:
    """Cuts text into the very words with which findings begin and end; ids mean nothing."""

    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()

    def tokenize(self, text: str) -> Tokens:
        """Return the words of a text."""
        signs = [(i, i + 1) for i, letter in enumerate(text) if not letter.isspace()]
        apart = Tokens(text, (0,) * len(signs), tuple(signs))
        own = words(apart, 0, len(signs))
        offsets = tuple((signs[first][0], signs[last - 1][1]) for first, last in own)
        return Tokens(text, (0,) * len(offsets), offsets)

    def text(self, ids: Sequence[int]) -> str:
        """Raise: ids mean nothing here.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"found {len(ids)} ids to be read, expected none from an endpoint")


def output_of(answer: str, flaw: Flaw | None = None) -> NDArray[np.int64]:
    """Return an answer as integers, with what kept it from being one in front."""
    front = [] if flaw is None else [~FLAWS.index(flaw)]
    return np.array([*front, *map(ord, answer)], np.int64)


def said_by(output: NDArray[np.int64]) -> tuple[str, Flaw | None]:
    """Return the answer that integers stand for, and what kept it from being one."""
    ids = output.tolist()
    flaw = FLAWS[~ids.pop(0)] if ids and ids[0] < 0 else None
    return "".join(map(chr, ids)), flaw
