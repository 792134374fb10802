from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from tests.tasks.words import Words

from fedmedlora.clinical.notes import FieldKind, Labels, Note
from fedmedlora.tasks.answers import WrittenExample
from fedmedlora.tasks.choices import Choices
from fedmedlora.tasks.counts import Counts, Part, PartCounts, score_counts
from fedmedlora.tasks.free_text import FreeText
from fedmedlora.tasks.kind import Asked, Metric
from fedmedlora.tasks.task import Output
from fedmedlora.tasks.written import Said, Writing, WrittenKind

LABELS = Labels((), ())
END = 2


class Colours(WrittenKind):
    """The smallest written task: a colour for a text."""

    title = "Colours"
    does = "names colours with an accuracy"
    figure = "accuracy"
    instruction = "Say a colour ."
    glossary: Sequence[tuple[str, str]] = ()
    fields: Mapping[str, FieldKind] = {"colour": "text"}
    metrics: Mapping[str, Metric] = {
        "colours_right": Metric("colours", "strict", "Colours", "right", "Colours", "share")
    }
    options: ClassVar[Sequence[str]] = ("red", "green")

    def question(self, note: Note) -> str:
        return str(note.fields.get("asked", ""))

    def target(self, note: Note) -> str:
        return str(note.fields["colour"])

    def choices(self, note: Note) -> Sequence[str]:
        del note
        return self.options

    def count(self, note: Note, said: str) -> Mapping[Part, PartCounts]:
        return {"colours": score_counts(float(said == self.target(note)))}


class Free(Colours):
    """The same in words of the model's own."""

    options: ClassVar[Sequence[str]] = ()


def note(text: str, colour: str, **fields: object) -> Note:
    return Note("n1", "a", text, (), (), fields={"colour": colour, **fields})


def over(words: Words, kind: WrittenKind | None = None, **changes: object) -> Writing:
    told: dict[str, Any] = {
        "tokenizer": words,
        "types": (),
        "formulation": "tagging",
        "window_tokens": 4,
        "answer_tokens": 5,
        "num_ids": 90,
        "end_id": END,
        "most_positions": 64,
    }
    return (kind or Colours()).open(Asked(**told | changes))


@pytest.fixture
def words() -> Words:
    return Words()


def test_a_note_is_an_instruction_its_text_the_question_and_an_answer(words: Words) -> None:
    (example,) = over(words).examples([note("a b", "green", asked="which")], LABELS)

    assert words.said(example.instruction[1:]) == "Say a colour . \n Text : \n"
    assert words.said(example.question) == "a b \n which \n = \n"
    assert words.said(example.completion) == "green </s>"
    assert example.instruction[:1] == words.prefix
    assert isinstance(example.grammar, Choices)


def test_what_is_beyond_the_window_is_not_read_and_said_so(words: Words) -> None:
    task, long = over(words), note("a b c d e", "red")

    (example,) = task.examples([long], LABELS)
    (said,) = task.predict([long], LABELS, right)

    assert words.said(example.question) == "a b c d \n = \n"
    assert said == Said("red", ("not_read",))
    assert task.score([long], [said], LABELS)[0].lost == {"not_read": 1}


def right(examples: Sequence[WrittenExample]) -> list[Output]:
    """Answer with the first that may be said."""
    grammars = [cast("Choices", one.grammar) for one in examples]
    return [Output(np.array([*grammar.each[0], END])) for grammar in grammars]


def test_a_question_that_leaves_no_room_is_not_asked_and_its_answer_is_wrong(words: Words) -> None:
    # 9 of the instruction, 7 behind the text, an answer of one; its end is never read.
    task, asked = over(words, most_positions=17), note("a b", "red", asked="which one ?")
    roomy = over(words, most_positions=18)

    (said,) = task.predict([asked], LABELS, right)
    (counts,) = task.score([asked], [said], LABELS)

    assert task.examples([asked], LABELS) == []
    assert said == Said(None, ("too_long",))
    assert counts.part("colours").matched("strict").f1 == 0
    assert counts.lost == {"too_long": 1}
    (example,) = roomy.examples([asked], LABELS)
    assert words.said(example.question).startswith("a \n which")
    assert len(example.instruction) + len(example.question) + 1 == 18


def test_a_free_answer_has_so_many_ids_and_is_cut_to_them(words: Words) -> None:
    (example,) = over(words, Free()).examples([note("a b", "one two three four five")], LABELS)

    assert words.said(example.completion) == "one two three four </s>"
    assert isinstance(example.grammar, FreeText)
    assert (example.grammar.most_ids, example.grammar.num_ids) == (5, 90)
    assert example.grammar.text == words.tokenize("a b").ids


def test_answers_come_back_as_text_note_by_note(words: Words) -> None:
    notes = [note("a", "red"), note("b", "green")]
    task = over(words)

    found = task.predict(notes, LABELS, right)
    counts = task.score(notes, found, LABELS)

    assert [one.text for one in found] == ["red", "red"]
    assert sum(counts[1:], counts[0]).part("colours").matched("strict") == Counts(
        10_000, 10_000, 10_000
    )
    assert [one.text for one in task.ceiling(notes, LABELS)] == ["red", "green"]
    assert task.judged(notes, found, LABELS) == {}


def test_what_is_predicted_does_not_hang_on_the_answer_beside_the_note(words: Words) -> None:
    seen: list[WrittenExample] = []

    def keep(examples: Sequence[WrittenExample]) -> list[Output]:
        seen.extend(examples)
        return right(examples)

    over(words).predict([note("a", "red"), note("a", "green")], LABELS, keep)

    assert seen[0] == seen[1]


def test_notes_are_shown_with_their_answers_while_there_is_room(words: Words) -> None:
    notes = [note("a", "red"), note("b", "green"), note("c", "red")]
    # 9 of the instruction, 4 of a window, 3 behind it, 5 of an answer, and 2 notes of 9.
    task = over(words, most_positions=9 + 4 + 3 + 5 + 2 * 9)

    shown = task.shown(notes, LABELS, number=3)
    few = task.shown(notes, LABELS, number=1)
    seen: list[WrittenExample] = []

    def keep(examples: Sequence[WrittenExample]) -> list[Output]:
        seen.extend(examples)
        return right(examples)

    task.predict([note("d", "red")], LABELS, keep, shown=shown)

    assert (shown.told, few.told) == ({"notes": 2}, {"notes": 1})
    assert words.said(seen[0].instruction[9:]) == (
        "a \n = \n red \n Text : \n b \n = \n green \n Text : \n"
    )
    assert task.shown(notes, LABELS, number=0).told == {"notes": 0}
    assert over(words, most_positions=None).shown(notes, LABELS, number=3).told == {"notes": 3}


def test_what_is_shown_leaves_a_free_answer_its_length(words: Words) -> None:
    task = over(words, Free())
    shown = task.shown([note("a", "red"), note("b", "green")], LABELS, number=2)
    seen: list[WrittenExample] = []

    def keep(examples: Sequence[WrittenExample]) -> list[Output]:
        seen.extend(examples)
        return [Output(one.ideal) for one in examples]

    task.predict([note("d", "red")], LABELS, keep, shown=shown)

    assert shown.told == {"notes": 2}
    assert cast("FreeText", seen[0].grammar).most_ids == 5


def test_what_the_report_shows_of_a_note(words: Words) -> None:
    asked = note("a", "red", asked="which")

    assert over(words).drawn(asked, Said("green", ("not_read",)), LABELS) == {
        "question": "which",
        "gold": "red",
        "predicted": "green",
        "lost": {"not_read": 1},
    }


def test_a_task_says_what_it_is_scored_by() -> None:
    kind = Colours()

    assert kind.parts == kind.round_parts == ("colours",)
    assert kind.compared == {"colours_right": "colours_strict"}
    assert kind.writes("tagging")
    assert [*kind.faults(note("a", "red"))] == []
