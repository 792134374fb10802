"""Tasks of which a model writes one answer a note: what they share.

<instruction: what is wanted, the same for all notes>
Text:
<the note, as far as the model reads>
<question, where the note has one>
=
<answer: one of a few, or in words of the model's own>
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fedmedlora.clinical.notes import FieldKind, Labels, Note
from fedmedlora.errors import Fault
from fedmedlora.tasks.answers import WrittenExample, as_shown, behind
from fedmedlora.tasks.choices import Choices
from fedmedlora.tasks.counts import NoteCounts, Part, PartCounts
from fedmedlora.tasks.free_text import FreeText
from fedmedlora.tasks.heads import Ids
from fedmedlora.tasks.kind import Asked, Metric
from fedmedlora.tasks.prompts import AFTER_TEXT
from fedmedlora.tasks.tally import figure_of
from fedmedlora.tasks.task import Answer, Output


@dataclass(frozen=True, slots=True)
class Said:
    """What a model made of one note.

    Attributes:
        text: Its answer; None where it could not be asked.
        lost: Why not, or what of the note it was not given.
    """

    text: str | None
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Put:
    """A note as it is put to a model.

    Attributes:
        example: None where question and answer leave no room for its text.
        lost: Why that is so, or that the end of the text was left out.
    """

    example: WrittenExample | None
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownAnswers:
    """Notes whose answers a model is shown before a question."""

    examples: tuple[WrittenExample, ...]

    @property
    def told(self) -> Mapping[str, int]:
        """Return how many there are."""
        return {"notes": len(self.examples)}


class WrittenKind:
    """A task of which a model writes the answers; a task is what a subclass says of itself.

    Attributes:
        instruction: What the model is told, the same for all notes.
    """

    title: str
    does: str
    figure: str
    instruction: ClassVar[str]
    glossary: Sequence[tuple[str, str]]
    fields: Mapping[str, FieldKind]
    metrics: Mapping[str, Metric]
    sure_parts: tuple[Part, ...] = ()
    typed: tuple[Part, ...] = ()
    ceilings: Mapping[str, Part] = {}

    def question(self, note: Note) -> str:
        """Return what stands between a note's text and its answer."""
        del note
        return ""

    def target(self, note: Note) -> str:
        """Return the answer that a note has beside it."""
        raise NotImplementedError

    def choices(self, note: Note) -> Sequence[str]:
        """Return what may be answered; nothing where the model answers in its own words."""
        del note
        return ()

    def count(self, note: Note, said: str) -> Mapping[Part, PartCounts]:
        """Return what an answer came to, for each part; of "" where the model did not answer."""
        raise NotImplementedError

    def faults(self, note: Note) -> Iterator[Fault]:
        """Yield what is wrong with what stands beside a note's text; `where` is the key."""
        del note
        yield from ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return all that is scored by itself."""
        return tuple(metric.part for metric in self.metrics.values())

    @property
    def round_parts(self) -> tuple[Part, ...]:
        """Return what is scored after each round: all of it, for it comes in one answer."""
        return self.parts

    @property
    def compared(self) -> Mapping[str, str]:
        """Return the figure of a tally for each name that arms are compared by."""
        return {name: figure_of(one.part, one.matching) for name, one in self.metrics.items()}

    def writes(self, formulation: str) -> bool:
        """Return that the model writes, whatever the form of extraction would be."""
        del formulation
        return True

    def scored(self, parts: Sequence[Part], labels: Labels) -> Sequence[Part]:
        """Return those of some parts that a site with these labels can be scored on."""
        del labels
        return parts

    def open(self, asked: Asked) -> "Writing":
        """Return the task as a base model is asked."""
        return Writing(self, asked)


@dataclass(frozen=True, slots=True)
class Writing:
    """A written task, over a base model."""

    kind: WrittenKind
    asked: Asked

    @property
    def num_positions(self) -> int:
        """Return the most tokens of an example, its question counted with its answer."""
        after = len(self._ids(AFTER_TEXT)) + self.asked.answer_tokens
        return len(self._instruction) + self.asked.window_tokens + after

    def examples(
        self, notes: Sequence[Note], labels: Labels, *, max_heads: int | None = None
    ) -> list[WrittenExample]:
        """Return one example a note; none of a note that leaves no room for its text."""
        del max_heads
        return [one for own in self.examples_by_note(notes, labels) for one in own]

    def examples_by_note(self, notes: Sequence[Note], labels: Labels) -> list[list[WrittenExample]]:
        """Return what a model trains on by note; what a note gives depends on no other."""
        del labels
        put = (self._put(note, self.kind.target(note)) for note in notes)
        return [[one.example] if one.example else [] for one in put]

    def predict(
        self,
        notes: Sequence[Note],
        labels: Labels,
        answer: Answer[WrittenExample],
        *,
        parts: Sequence[Part] = (),
        shown: ShownAnswers | None = None,
    ) -> list[Said]:
        """Return what the model behind `answer` says of each note; its parts come in one answer."""
        del labels, parts
        before, tokenizer = shown.examples if shown else (), self.asked.tokenizer
        taken = sum(len(as_shown(one, tokenizer)) for one in before)
        put = [self._put(note, "", taken) for note in notes]
        asked = [behind(one.example, before, tokenizer) for one in put if one.example]
        outputs = iter(answer(asked))
        return [self._said(one, next(outputs) if one.example else None) for one in put]

    def shown(self, notes: Sequence[Note], labels: Labels, *, number: int) -> ShownAnswers:
        """Return the first examples, at most so many, that leave a long note its room."""
        most = self.asked.most_positions
        left = math.inf if most is None else most - self.num_positions
        chosen: list[WrittenExample] = []
        for example in self.examples(notes, labels)[:number]:
            left -= len(as_shown(example, self.asked.tokenizer))
            if left < 0:
                break
            chosen.append(example)
        return ShownAnswers(tuple(chosen))

    def ceiling(self, notes: Sequence[Note], labels: Labels) -> list[Said]:
        """Return what a perfect model would say of each note that it can be asked about."""
        del labels
        put = [self._put(note, self.kind.target(note)) for note in notes]
        ideal = [Output(one.example.ideal) if one.example else None for one in put]
        return [self._said(one, output) for one, output in zip(put, ideal, strict=True)]

    def score(
        self, notes: Sequence[Note], predictions: Sequence[Said], labels: Labels
    ) -> list[NoteCounts]:
        """Return each note's counts."""
        del labels
        return [
            NoteCounts(self.kind.count(note, said.text or ""), 0, dict.fromkeys(said.lost, 1))
            for note, said in zip(notes, predictions, strict=True)
        ]

    def judged(
        self, notes: Sequence[Note], predictions: Sequence[Said], labels: Labels
    ) -> dict[Part, list[tuple[float, bool]]]:
        """Return nothing: nobody calibrates these answers."""
        del notes, predictions, labels
        return {}

    def drawn(self, note: Note, prediction: Said, labels: Labels) -> dict[str, object]:
        """Return what the report shows of a note."""
        del labels
        return {
            "question": self.kind.question(note),
            "gold": self.kind.target(note),
            "predicted": prediction.text,
            "lost": dict.fromkeys(prediction.lost, 1),
        }

    def _put(self, note: Note, target: str, taken: int = 0) -> Put:
        """Return a note with its answer as it is put to a model.

        Args:
            taken: Tokens that stand before it.
        """
        question = self.kind.question(note)
        tail = self._ids(f"\n{question}{AFTER_TEXT}" if question else AFTER_TEXT)
        choices = tuple(self._ids(choice) for choice in self.kind.choices(note))
        longest = max(map(len, choices)) + 1 if choices else self.asked.answer_tokens
        text = self._ids(note.text)
        room = min(self.asked.window_tokens, self._left(taken + len(tail) + longest))
        if room < 1:
            return Put(None, ("too_long",))
        read = text[:room]
        grammar = (
            Choices(choices, self._end)
            if choices
            else FreeText(read, self.asked.num_ids, self._end, longest)
        )
        completion = (*self._ids(target)[: longest - 1], self._end)
        example = WrittenExample(self._instruction, (*read, *tail), completion, grammar)
        return Put(example, ("not_read",) if len(text) > room else ())

    def _left(self, taken: int) -> int:
        """Return how many tokens of a text can be read beside what is taken."""
        most = self.asked.most_positions
        if most is None:
            return self.asked.window_tokens
        # The last id of an answer is never read.
        return most + 1 - len(self._instruction) - taken

    def _said(self, put: Put, output: Output | None) -> Said:
        if output is None:
            return Said(None, put.lost)
        ids = [id_ for id_ in output.values.tolist() if id_ != self._end]
        return Said(self.asked.tokenizer.text(ids).strip(), put.lost)

    @property
    def _end(self) -> int:
        if self.asked.end_id is None:
            raise ValueError("end_id: found none, expected that of a base that writes")
        return self.asked.end_id

    @property
    def _instruction(self) -> Ids:
        return (*self.asked.tokenizer.prefix, *self._ids(f"{self.kind.instruction}\nText:\n"))

    def _ids(self, text: str) -> Ids:
        return self.asked.tokenizer.tokenize(text).ids
