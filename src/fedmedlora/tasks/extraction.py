"""Clinical information extraction: main entities, and for each of them what belongs to it.

    NER   every window, asked for the site's main entity types
    RE    every main entity (the head, marked in its window), asked for the site's relation types

Reading a note takes two turns: entities first, then the relations of the entities found (`re`)
and of the gold ones (`re_gold`). A head that is both is asked about once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.clinical.sentences import token_windows
from fedmedlora.tasks.counts import NoteCounts, Part
from fedmedlora.tasks.findings import Findings, Found, Link, Lost, Span, as_drawn, gold_findings
from fedmedlora.tasks.reading import Formulation, Reading, num_unaligned
from fedmedlora.tasks.scoring import NER, PARTS, RE, RE_GOLD, count_note, judged
from fedmedlora.tasks.showing import Candidate, to_show
from fedmedlora.tasks.task import Answer, ExampleT, Output, Tokenizer, Tokens

Finding = Span | Link

Answered = Mapping[tuple[int, Span], Found]
"""What was found to belong to a head, by note index and head."""


@dataclass(frozen=True, slots=True)
class CutNote:
    """A note cut into tokens and windows, with its gold findings under a site's labels."""

    tokens: Tokens
    windows: tuple[tuple[int, int], ...]
    gold: Findings


@dataclass(frozen=True, slots=True)
class Question(Generic[ExampleT]):
    """One reading of one note (by index), put to the model as an example."""

    note: int
    reading: Reading
    example: ExampleT


@dataclass(frozen=True, slots=True)
class Shown(Generic[ExampleT]):
    """Examples whose answers a model is shown, before windows and before heads."""

    entities: tuple[ExampleT, ...]
    relations: tuple[ExampleT, ...]

    @property
    def told(self) -> Mapping[str, int]:
        """Return how many of each there are."""
        return {"windows": len(self.entities), "heads": len(self.relations)}


@dataclass(frozen=True, slots=True)
class Extraction(Generic[ExampleT]):
    """The extraction task in one formulation.

    Attributes:
        formulation: How a window is put to the model.
        tokenizer: The base model's own.
        window_tokens: Tokens a window may hold at most.
    """

    formulation: Formulation[ExampleT]
    tokenizer: Tokenizer
    window_tokens: int

    @property
    def num_positions(self) -> int:
        """Return how many tokens a model must be able to read at once."""
        return self.formulation.num_positions(self.window_tokens)

    def examples(
        self, notes: Sequence[Note], labels: Labels, *, max_heads: int | None = None
    ) -> list[ExampleT]:
        """Return every window of the notes for NER, then the gold heads, in order, for RE."""
        cut = [self._cut(note, labels) for note in notes]
        heads = [(index, head) for index, note in enumerate(cut) for head in note.gold.heads]
        questions = [
            *self._entity_questions(cut, labels),
            *self._relation_questions(cut, heads[:max_heads], labels),
        ]
        return [question.example for question in questions]

    def examples_by_note(self, notes: Sequence[Note], labels: Labels) -> list[list[ExampleT]]:
        """Return what a model trains on by note; what a note gives depends on no other."""
        return [self.examples([note], labels) for note in notes]

    def predict(
        self,
        notes: Sequence[Note],
        labels: Labels,
        answer: Answer[ExampleT],
        *,
        parts: Sequence[Part] = PARTS,
        shown: Shown[ExampleT] | None = None,
    ) -> list[Findings]:
        """Return what the model behind `answer` finds in each note.

        Args:
            notes: What is read.
            labels: What is asked for.
            answer: The model.
            parts: What is wanted of it.
            shown: What it is shown before each question, as `shown` returns it.
        """
        shown = shown or Shown((), ())
        cut = [self._cut(note, labels) for note in notes]
        entities: list[set[Span]] = [set() for _ in notes]
        lost: list[list[Lost]] = [[] for _ in notes]
        log_probs: list[dict[Finding, float]] = [{} for _ in notes]
        asked = self._behind(self._entity_questions(cut, labels), shown.entities)
        for question, found, sureness in self._ask(asked, answer):
            entities[question.note].update(found.spans)
            lost[question.note] += found.lost
            log_probs[question.note].update(sureness)
        own = {(index, head) for index, spans in enumerate(entities) for head in spans}
        gold = {(index, head) for index, note in enumerate(cut) for head in note.gold.heads}
        heads = (own if RE in parts else set()) | (gold if RE_GOLD in parts else set())
        asked = self._behind(self._relation_questions(cut, sorted(heads), labels), shown.relations)
        tails: dict[tuple[int, Span], Found] = {}
        for question, found, sureness in self._ask(asked, answer):
            index, head = question.note, question.reading.head
            if head is not None:
                tails[index, head] = found
                lost[index] += found.lost
                if RE in parts:
                    log_probs[index] |= _of_links(head, found, sureness, log_probs[index])
        return [
            Findings(
                tuple(sorted(spans)),
                _joined(tails, index, spans) if RE in parts else (),
                _joined(tails, index, cut[index].gold.heads) if RE_GOLD in parts else (),
                tuple(lost[index]),
                log_probs[index],
            )
            for index, spans in enumerate(entities)
        ]

    def shown(self, notes: Sequence[Note], labels: Labels, *, number: int) -> Shown[ExampleT]:
        """Return what a model is shown of some notes: at most so many windows, and heads."""
        cut = [self._cut(note, labels) for note in notes]
        heads = [(index, head) for index, note in enumerate(cut) for head in note.gold.heads]
        return Shown(
            self._chosen(self._entity_questions(cut, labels), number),
            self._chosen(self._relation_questions(cut, heads, labels), number),
        )

    def ceiling(self, notes: Sequence[Note], labels: Labels) -> list[Findings]:
        """Return what a perfect model would find: all the gold this formulation can express."""
        return self.predict(notes, labels, _ideal)

    def score(
        self, notes: Sequence[Note], predictions: Sequence[Findings], labels: Labels
    ) -> list[NoteCounts]:
        """Return each note's counts of what was found against its gold."""
        return [
            self._count(note, found, labels) for note, found in zip(notes, predictions, strict=True)
        ]

    def judged(
        self, notes: Sequence[Note], predictions: Sequence[Findings], labels: Labels
    ) -> dict[Part, list[tuple[float, bool]]]:
        """Return how likely the model held each find, and whether it is right."""
        by_note = [
            judged(gold_findings(note, labels), found)
            for note, found in zip(notes, predictions, strict=True)
        ]
        return {part: [find for own in by_note for find in own[part]] for part in (NER, RE)}

    def drawn(self, note: Note, prediction: Findings, labels: Labels) -> dict[str, object]:
        """Return what the report draws of a note."""
        return {
            "gold": as_drawn(gold_findings(note, labels)),
            "predicted": as_drawn(prediction),
            "lost": dict(Counter(prediction.lost)),
        }

    def _count(self, note: Note, found: Findings, labels: Labels) -> NoteCounts:
        gold = gold_findings(note, labels)
        tokens = self.tokenizer.tokenize(note.text)
        spans = {*gold.entities, *(link.tail for link in gold.gold_links)}
        return count_note(gold, found, unaligned=num_unaligned(tokens, spans))

    def _cut(self, note: Note, labels: Labels) -> CutNote:
        tokens = self.tokenizer.tokenize(note.text)
        windows = token_windows(note.text, tokens.offsets, max_tokens=self.window_tokens)
        return CutNote(tokens, tuple(windows), gold_findings(note, labels))

    def _entity_questions(self, cut: Sequence[CutNote], labels: Labels) -> list[Question[ExampleT]]:
        types = tuple(
            type_
            for type_ in MAIN_TYPES
            if type_ in labels.entities and type_ in self.formulation.types
        )
        if not types:
            return []
        return [
            self._question(index, Reading(note.tokens, first, last, types), note.gold.entities)
            for index, note in enumerate(cut)
            for first, last in note.windows
        ]

    def _relation_questions(
        self, cut: Sequence[CutNote], heads: Iterable[tuple[int, Span]], labels: Labels
    ) -> list[Question[ExampleT]]:
        types = tuple(type_ for type_ in labels.relations if type_ in self.formulation.types)
        if not types:
            return []
        questions = []
        for index, head in heads:
            window = _window_of(cut[index], head)
            if window is not None:
                reading = Reading(cut[index].tokens, *window, types, head)
                gold = [link.tail for link in cut[index].gold.gold_links if link.head == head]
                questions.append(self._question(index, reading, gold))
        return questions

    def _question(self, note: int, reading: Reading, gold: Sequence[Span]) -> Question[ExampleT]:
        return Question(note, reading, self.formulation.example(reading, gold))

    def _chosen(self, questions: Sequence[Question[ExampleT]], number: int) -> tuple[ExampleT, ...]:
        form = self.formulation
        candidates = (
            Candidate(one.example, self._types(one), form.num_shown(one.example))
            for one in questions
        )
        return to_show(candidates, number=number, num_tokens=form.spare(self.window_tokens))

    def _types(self, question: Question[ExampleT]) -> frozenset[str]:
        """Return the types that a question's answer holds."""
        ideal = self.formulation.found(question.reading, question.example.ideal)
        return frozenset(span.type for span in ideal.spans)

    def _behind(
        self, questions: Sequence[Question[ExampleT]], shown: Sequence[ExampleT]
    ) -> list[Question[ExampleT]]:
        behind = self.formulation.behind
        return [replace(one, example=behind(one.example, shown)) for one in questions]

    def _ask(
        self, questions: Sequence[Question[ExampleT]], answer: Answer[ExampleT]
    ) -> Iterable[tuple[Question[ExampleT], Found, dict[Finding, float]]]:
        """Yield each question with what its answer announces, and how likely the model held it."""
        outputs = answer([question.example for question in questions])
        for question, output in zip(questions, outputs, strict=True):
            found = self.formulation.found(question.reading, output.values)
            yield question, found, _sureness(found, output.log_probs)


def _window_of(note: CutNote, head: Span) -> tuple[int, int] | None:
    """Return the window in which a head begins; None where it lies outside all tokens."""
    for first, last in note.windows:
        if note.tokens.offsets[last - 1][1] > head.start:
            return first, last
    return None


def _joined(tails: Answered, note: int, heads: Iterable[Span]) -> tuple[Link, ...]:
    return tuple(
        sorted(
            Link(head, tail) for head in heads for tail in tails.get((note, head), Found()).spans
        )
    )


def _sureness(found: Found, log_probs: NDArray[np.float64] | None) -> dict[Finding, float]:
    """Return the log-probability of each span that the model tells something of."""
    if log_probs is None:
        return {}
    return {span: float(log_probs[made_by].sum()) for span, made_by in found.decided.items()}


def _of_links(
    head: Span, found: Found, tails: Mapping[Finding, float], known: Mapping[Finding, float]
) -> dict[Finding, float]:
    """Return the log-probability of a head's links; of a gold head that was not found, nothing."""
    if head not in known:
        return {}
    return {Link(head, tail): known[head] + tails[tail] for tail in found.spans if tail in tails}


def _ideal(examples: Sequence[ExampleT]) -> list[Output]:
    """Answer every example as a model that makes no mistake."""
    return [Output(example.ideal) for example in examples]
