from typing import Any

import pytest

from fedmedlora.clinical.notes import Note
from fedmedlora.tasks.counts import NoteCounts
from fedmedlora.tasks.kinds.answer import KIND


def note(**fields: object) -> Note:
    told: dict[str, Any] = {
        "question": "What for?",
        "options": ("pain", "fever", "cough"),
        "answer": 1,
    }
    return Note("n1", "a", "Aspirin for fever.", (), (), fields=told | fields)


def test_a_question_stands_before_its_options() -> None:
    assert KIND.question(note()) == "What for?\n- pain\n- fever\n- cough"
    assert KIND.choices(note(options=("pain ", " fever", "cough"))) == ["pain", "fever", "cough"]
    assert KIND.target(note()) == "fever"


def test_accuracy_is_the_share_of_questions_answered_rightly() -> None:
    said = ["fever", "pain", "", "fever"]

    counts = [NoteCounts(KIND.count(note(), one)) for one in said]

    # Two of four.
    assert sum(counts, NoteCounts()).part("answer").matched("strict").f1 == 0.5


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"options": ("pain",), "answer": 0}, ("options", "1 of them, 1 with words of their own")),
        ({"options": ("pain", "pain ")}, ("options", "2 of them, 1 with words of their own")),
        ({"options": ("pain", " ")}, ("options", "2 of them, 1 with words of their own")),
        ({"answer": 3}, ("answer", "3")),
        ({"answer": -1}, ("answer", "-1")),
        ({"question": " "}, ("question", "no word")),
    ],
)
def test_options_that_cannot_be_chosen_from_are_faults(
    fields: dict[str, Any], told: tuple[str, str]
) -> None:
    (fault,) = KIND.faults(note(**fields))

    assert (fault.where, fault.found) == told
    assert [*KIND.faults(note())] == []
