from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.tasks.findings import Found, Link, Span, gathered, gold_findings

TEXT = "Aspirin 25 mg\u00a0\ndaily"
#       0       8    13     15
LABELS = Labels(("drug",), ("dosage",))


def test_white_space_at_the_ends_of_a_span_is_no_part_of_it() -> None:
    entities = (Entity("T1", "drug", 0, 8), Entity("T2", "dosage", 7, 15))
    note = Note("n1", "a", TEXT, entities, (Relation("dosage", "T1", "T2"),))

    gold = gold_findings(note, LABELS)

    assert gold.entities == (Span(0, 7, "drug"),)
    assert gold.links == (Link(Span(0, 7, "drug"), Span(8, 13, "dosage")),)


def test_white_space_inside_a_span_stays() -> None:
    note = Note("n1", "a", TEXT, (Entity("T1", "drug", 0, 20),), ())

    assert gold_findings(note, LABELS).entities == (Span(0, 20, "drug"),)


def test_two_spans_that_differ_in_white_space_alone_are_one() -> None:
    note = Note("n1", "a", TEXT, (Entity("T1", "drug", 0, 7), Entity("T2", "drug", 0, 8)), ())

    assert gold_findings(note, LABELS).entities == (Span(0, 7, "drug"),)


def test_heads_that_are_given_count_for_what_belongs_to_them_alone() -> None:
    entities = (Entity("T1", "drug", 0, 7), Entity("T2", "dosage", 8, 13))
    note = Note("n1", "a", TEXT, entities, (Relation("dosage", "T1", "T2"),))

    gold = gold_findings(note, Labels(("dosage",), ("dosage",), heads=("drug",)))

    aspirin = Span(0, 7, "drug")
    assert (gold.entities, gold.links) == ((), ())
    assert gold.gold_links == (Link(aspirin, Span(8, 13, "dosage")),)
    assert gold.heads == (aspirin,)
    # Neither listed nor given, it is unknown there.
    assert gold_findings(note, Labels(("dosage",), ("dosage",))).heads == ()


def test_every_entity_that_was_announced_is_a_span_or_lost() -> None:
    later, sooner = Span(8, 13, "drug"), Span(0, 7, "drug")

    found = gathered([later, "no_text", sooner, later])

    assert found == Found((sooner, later), ("no_text", "repeated"))
