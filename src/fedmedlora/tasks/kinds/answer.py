"""Questions with options about a note, one right: what many medical benchmarks are made of.

    {"text": "...", "question": "What is the fever treated with?",
     "options": ["paracetamol", "rest", "surgery"], "answer": 0}

The model answers with the words of an option, and can say nothing else. Accuracy is the share of
notes whose answer is right; of a question put to a chart it is decision support.
"""

from collections.abc import Iterator, Mapping, Sequence

from fedmedlora.clinical.notes import FieldKind, Note
from fedmedlora.errors import Fault
from fedmedlora.tasks.counts import Part, PartCounts, score_counts
from fedmedlora.tasks.kind import Metric
from fedmedlora.tasks.written import WrittenKind

_FEWEST = 2
_MEND = "mend the question, or leave the note out"


class AnswerQuestions(WrittenKind):
    """Which of some options answers a question about a note."""

    title = "Questions with options"
    does = "answers questions with an accuracy"
    figure = "accuracy"
    instruction = "Read the text and answer the question with one of the options."
    glossary: Sequence[tuple[str, str]] = (
        ("Accuracy", "The share of questions answered rightly; no answer is a wrong one."),
    )
    fields: Mapping[str, FieldKind] = {"question": "text", "options": "texts", "answer": "number"}
    metrics: Mapping[str, Metric] = {
        "accuracy": Metric("answer", "strict", "Accuracy", "accuracy", "Answers", "share"),
    }

    def question(self, note: Note) -> str:
        """Return the question, and a line for each option."""
        return "\n".join([note.fields["question"], *(f"- {told}" for told in self.choices(note))])

    def choices(self, note: Note) -> Sequence[str]:
        """Return the options."""
        # A model says an option without the white space around it.
        return [told.strip() for told in note.fields["options"]]

    def target(self, note: Note) -> str:
        """Return the right option."""
        right: int = note.fields["answer"]
        return self.choices(note)[right]

    def count(self, note: Note, said: str) -> Mapping[Part, PartCounts]:
        """Return one right answer, or one wrong."""
        return {"answer": score_counts(float(said == self.target(note)))}

    def faults(self, note: Note) -> Iterator[Fault]:
        """Yield that nothing is asked, that options are too few or alike, or that none is right."""
        if not note.fields["question"].strip():
            yield Fault("question", "no word", "a question", _MEND)
        number, answer = len(self.choices(note)), note.fields["answer"]
        distinct = {*self.choices(note)} - {""}
        if number < _FEWEST or len(distinct) < number:
            found = f"{number} of them, {len(distinct)} with words of their own"
            yield Fault("options", found, f"{_FEWEST} or more, none empty and no two alike", _MEND)
        elif not 0 <= answer < number:
            yield Fault("answer", str(answer), f"0 to {number - 1}, the number of an option", _MEND)


KIND = AnswerQuestions()
