from fedmedlora.clinical.notes import Note
from fedmedlora.tasks.findings import Findings, Link, Span
from fedmedlora.tasks.read_notes import read_note

NOTE = Note("n.txt", "s", "aspirin , ibuprofen 5 mg for severe pain", (), ())
ASPIRIN, IBUPROFEN = Span(0, 7, "drug"), Span(10, 19, "drug")
DOSE, TREATED, PAIN = Span(20, 24, "dosage"), Span(29, 40, "treats"), Span(36, 40, "problem")
LINKS = (Link(ASPIRIN, DOSE), Link(IBUPROFEN, DOSE), Link(IBUPROFEN, TREATED))
SURE: dict[Span | Link, float] = {
    ASPIRIN: 0.9,
    PAIN: 0.8,
    LINKS[0]: 0.3,
    LINKS[1]: 0.6,
    LINKS[2]: 0.4,
}


def told(*entities: Span) -> dict[str, float | None]:
    note = read_note(NOTE, Findings(entities, LINKS), SURE)
    return {NOTE.text[one.start : one.end]: one.confidence for one in note.entities}


def test_an_entity_has_its_own_confidence_and_a_tail_that_of_its_likeliest_relation() -> None:
    # Nothing is known of ibuprofen; "pain" is where the relation ends, and an entity of its own.
    assert told(ASPIRIN, IBUPROFEN, PAIN) == {
        "aspirin": 0.9,
        "ibuprofen": None,
        "5 mg": 0.6,
        "pain": 0.8,
    }


def test_a_problem_that_only_a_relation_tells_of_has_that_one_s() -> None:
    assert told(ASPIRIN, IBUPROFEN)["severe pain"] == 0.4


def test_without_calibration_no_entity_has_a_confidence() -> None:
    note = read_note(NOTE, Findings((ASPIRIN, IBUPROFEN, PAIN), LINKS))

    assert {one.confidence for one in note.entities} == {None}
