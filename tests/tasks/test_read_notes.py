from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.tasks.findings import Findings, Link, Span
from fedmedlora.tasks.read_notes import read_note

NOTE = Note("n.txt", "s", "aspirin 5 mg for severe pain", (), (), "17")
DRUG, PAIN = Span(0, 7, "drug"), Span(24, 28, "problem")
LINKS = (Link(DRUG, Span(8, 12, "dosage")), Link(DRUG, Span(17, 28, "treats")))
"""'severe pain' is what the drug treats; the problem found there is 'pain'."""


def test_what_was_found_is_annotations_of_the_note() -> None:
    found = Findings((DRUG, PAIN), LINKS, (), ("never_closed", "repeated", "never_closed"))

    assert read_note(NOTE, found) == Note(
        "n.txt",
        "s",
        NOTE.text,
        (
            Entity("T1", "drug", 0, 7),
            Entity("T2", "dosage", 8, 12),
            Entity("T3", "problem", 24, 28),
        ),
        (Relation("dosage", "T1", "T2"), Relation("treats", "T1", "T3")),
        "17",
        lost={"never_closed": 2, "repeated": 1},
    )


def test_a_relation_ends_at_what_lies_nearest() -> None:
    near = Span(17, 28, "problem")

    note = read_note(NOTE, Findings((DRUG, near, PAIN), LINKS))

    entities = {entity.id: entity for entity in note.entities}
    (treats,) = (one for one in note.relations if one.type == "treats")
    assert (entities[treats.tail].start, entities[treats.tail].end) == (17, 28)


def test_a_relation_to_nothing_that_was_found_ends_at_a_problem() -> None:
    note = read_note(NOTE, Findings((DRUG,), LINKS))

    assert note.entities[2] == Entity("T3", "problem", 17, 28)
    assert note.relations[1] == Relation("treats", "T1", "T3")
