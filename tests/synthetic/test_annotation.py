from dataclasses import replace

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.synthetic.annotation import annotated_as, with_entities

PROBLEM = Entity("T1", "problem", 0, 4)
SEVERITY = Entity("T2", "severity", 5, 9)
TEST = Entity("T3", "test", 10, 12)
TEMPORAL = Entity("T4", "temporal", 13, 18)
NOTE = Note(
    "n1",
    "a",
    "Rash mild CT today",
    (PROBLEM, SEVERITY, TEST, TEMPORAL),
    (Relation("severity", "T1", "T2"), Relation("temporal", "T3", "T4")),
)


def test_relation_without_an_end_goes() -> None:
    note = with_entities(NOTE, [PROBLEM, TEST, TEMPORAL])

    assert note.relations == (Relation("temporal", "T3", "T4"),)


def test_modifier_gives_its_relation_its_type() -> None:
    note = with_entities(NOTE, [PROBLEM, replace(SEVERITY, type="course")])

    assert note.relations == (Relation("course", "T1", "T2"),)


def test_main_entity_of_another_type_leaves_a_cross_relation_its_name() -> None:
    drug, problem = Entity("T1", "drug", 0, 4), Entity("T2", "problem", 5, 9)
    note = Note("n1", "a", "Drug Rash", (drug, problem), (Relation("treats", "T1", "T2"),))

    changed = with_entities(note, [drug, replace(problem, type="test")])

    assert changed.relations == (Relation("treats", "T1", "T2"),)


def test_site_annotates_only_its_types_and_no_modifier_of_what_it_does_not_annotate() -> None:
    labels = Labels(("problem", "severity", "temporal"), ("severity", "temporal"))

    note = annotated_as(NOTE, labels)

    assert note.entities == (PROBLEM, SEVERITY)
    assert note.relations == (Relation("severity", "T1", "T2"),)


def test_site_without_relations_keeps_its_main_entities() -> None:
    note = annotated_as(NOTE, Labels(("problem", "test"), ()))

    assert note.entities == (PROBLEM, TEST)
    assert note.relations == ()
