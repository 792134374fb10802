from functools import cache

import pytest

from fedmedlora.clinical.notes import Note, SiteNotes
from fedmedlora.synthetic.beside import BESIDE, question, summary
from fedmedlora.synthetic.hospitals import synthesize
from fedmedlora.tasks.kind import task_kinds


@cache
def sites(task: str) -> dict[str, SiteNotes]:
    return {name: site for name, (_, site) in synthesize(seed=3, num_notes=60, task=task).items()}


@pytest.mark.parametrize("task", [*BESIDE])
def test_invented_notes_have_what_each_task_needs(task: str) -> None:
    kind = task_kinds()[task]

    for site in sites(task).values():
        assert site.fields == kind.fields
        for notes in site.splits.values():
            for note in notes:
                assert note.fields.keys() == kind.fields.keys()
                assert [*kind.faults(note)] == []


def test_notes_are_the_same_for_every_task() -> None:
    texts = [[note.text for note in sites(task)["oncology"].splits["train"]] for task in BESIDE]

    assert texts[0]
    assert texts == [texts[0]] * len(BESIDE)


def invented() -> list[Note]:
    """Return notes of a site that annotates everything."""
    return [*sites("extract")["cardiology"].splits["train"]]


def test_the_right_option_belongs_to_what_is_asked_about_and_no_other_does() -> None:
    letters = set()
    for note in invented():
        beside = question(note)
        options, answer = beside["options"], beside["answer"]
        texts = {one.id: note.text[one.start : one.end] for one in note.entities}
        tails = {texts[r.tail] for r in note.relations if texts[r.head] in beside["question"]}
        letters.add(answer)

        assert options[answer] in tails
        assert len({option.lower() for option in options}) == len(options) == 4
        assert set(options) <= set(texts.values())
    # The right one stands anywhere.
    assert letters == {0, 1, 2, 3}


def test_a_summary_names_each_entity_once_and_what_is_denied_apart() -> None:
    for note in invented():
        lines = summary(note)["summary"].splitlines()
        denied = {one.head for one in note.relations if one.type == "negation"}
        problems = {
            note.text[one.start : one.end].lower()
            for one in note.entities
            if one.type == "problem" and one.id not in denied
        }
        told = [line for line in lines if line.startswith("Problems: ")]

        assert {line.partition(":")[0] for line in lines} <= {
            *("Problems", "Treatments", "Tests", "Drugs", "Denied")
        }
        for problem in problems:
            assert problem in told[0]
        assert any(line.startswith("Denied: ") for line in lines) == bool(denied)
