"""Questions with options about a note, one right: what many medical benchmarks are made of.

    {"text": "...", "question": "What is the fever treated with?",
     "options": ["paracetamol", "rest", "surgery"], "answer": 0}

The model chooses a letter. Accuracy is the share of notes whose letter is right, with no letter
counted as wrong; of a question put to a chart it is decision support.
"""

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_uppercase

from fedmedlora.clinical.notes import FieldKind, Note
from fedmedlora.errors import Fault
from fedmedlora.tasks.counts import Part, PartCounts, score_counts
from fedmedlora.tasks.kind import Metric
from fedmedlora.tasks.written import WrittenKind

_FEWEST, _MOST = 2, len(ascii_uppercase)


class AnswerQuestions(WrittenKind):
    """Which of some options answers a question about a note."""

    title = "Questions with options"
    does = "answers questions with an accuracy"
    figure = "accuracy"
    instruction = "Read the text and answer the question with the letter of the right option."
    glossary: Sequence[tuple[str, str]] = (
        ("Accuracy", "The share of questions answered rightly; no answer is a wrong one."),
    )
    fields: Mapping[str, FieldKind] = {"question": "text", "options": "texts", "answer": "number"}
    metrics: Mapping[str, Metric] = {
        "accuracy": Metric("answer", "strict", "Accuracy", "accuracy", "Answers", "share"),
    }

    def question(self, note: Note) -> str:
        """Return the question, and each option behind its letter."""
        lettered = zip(self.choices(note), note.fields["options"], strict=True)
        options = [f"{letter}. {told}" for letter, told in lettered]
        return "\n".join([note.fields["question"], *options])

    def choices(self, note: Note) -> Sequence[str]:
        """Return the letters of the options."""
        return ascii_uppercase[: len(note.fields["options"])]

    def target(self, note: Note) -> str:
        """Return the letter of the right option."""
        return ascii_uppercase[note.fields["answer"]]

    def count(self, note: Note, said: str) -> Mapping[Part, PartCounts]:
        """Return one right answer, or one wrong."""
        return {"answer": score_counts(float(said == self.target(note)))}

    def faults(self, note: Note) -> Iterator[Fault]:
        """Yield that there are too few options or too many, or that none of them is right."""
        number, answer = len(note.fields["options"]), note.fields["answer"]
        if not _FEWEST <= number <= _MOST:
            yield Fault("options", f"{number} of them", f"{_FEWEST} to {_MOST}")
        elif not 0 <= answer < number:
            yield Fault("answer", str(answer), f"0 to {number - 1}, the number of an option")


KIND = AnswerQuestions()
