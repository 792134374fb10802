import pytest

from fedmedlora.clinical.assertions import Statement, is_patient, statements
from fedmedlora.clinical.notes import Entity, Note, Relation


def said(**modifiers: str) -> Statement:
    given = {type_: (words,) for type_, words in modifiers.items()}
    return Statement(Entity("T1", "problem", 0, 4), "pain", given, ())


def test_a_main_entity_stands_with_all_that_is_tied_to_it() -> None:
    text = "no severe pain, aspirin for it"
    entities = (
        Entity("T1", "negation", 0, 2),
        Entity("T2", "severity", 3, 9),
        Entity("T3", "problem", 10, 14),
        Entity("T4", "drug", 16, 23),
    )
    relations = (
        Relation("severity", "T3", "T2"),
        Relation("negation", "T3", "T1"),
        Relation("treats", "T4", "T3"),
    )

    pain, aspirin = statements(Note("n", "s", text, entities, relations))

    assert (pain.name, pain.modifiers) == ("pain", {"negation": ("no",), "severity": ("severe",)})
    assert (pain.is_denied, pain.is_plain, pain.links) == (True, False, ())
    assert (aspirin.name, aspirin.modifiers, aspirin.is_plain) == ("aspirin", {}, True)
    assert aspirin.links == (relations[2],)


@pytest.mark.parametrize(
    "words",
    ["the patient", "Pt", "she", "her", "a 60-year-old man", "our patient", "This 7 year old boy"],
)
def test_who_can_be_nobody_else_is_the_patient(words: str) -> None:
    assert is_patient(words)
    assert said(subject=words).is_plain


@pytest.mark.parametrize(
    "words",
    [
        *("mother", "her sister", "his boy", "my girl", "the patient's neighbour", "two patients"),
        *("wife of the patient", "donor", "child", "", "60"),
    ],
)
def test_who_may_be_somebody_else_is_not_the_patient(words: str) -> None:
    assert not is_patient(words)
    assert not said(subject=words or "?").is_plain


@pytest.mark.parametrize(
    ("words", "course"),
    [
        ("Recurrent", "recurrence"),
        ("in  remission", "remission"),
        ("resolved", "resolved"),
        ("not resolved", None),
        ("resolving", None),
        ("unresolved", None),
        ("acute", None),
        ("persistent", "active"),
    ],
)
def test_a_course_is_told_in_words_that_mean_one_thing(words: str, course: str | None) -> None:
    assert said(course=words).course == course


def test_two_courses_are_none() -> None:
    given = {"course": ("resolved", "recurrent")}

    assert Statement(Entity("T1", "problem", 0, 4), "pain", given, ()).course is None
    assert said().course is None


def test_a_case_that_may_come_is_no_finding_and_a_circumstance_is_one() -> None:
    assert said(condition="If it gets worse").is_hypothetical
    assert not said(condition="If it gets worse").is_plain
    assert not said(condition="on exertion").is_hypothetical
    assert said(condition="on exertion").is_plain


@pytest.mark.parametrize(
    ("words", "is_past"), [("3 years ago", True), ("h/o", True), ("now", False)]
)
def test_what_was_before_is_told_by_words(words: str, is_past: bool) -> None:
    assert said(temporal=words).is_past is is_past
