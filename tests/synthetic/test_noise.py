from collections import Counter

from fedmedlora.clinical.labels import ENTITY_TYPES, MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.synthetic.noise import with_noise

LABELS = Labels(ENTITY_TYPES, RELATION_TYPES)
NOTE = Note(
    "n1",
    "a",
    "severe rash and fever.",
    (
        Entity("T1", "problem", 0, 11),
        Entity("T2", "severity", 0, 6),
        Entity("T3", "problem", 16, 21),
    ),
    (Relation("severity", "T1", "T2"),),
)


def noisy(share: float, count: int) -> list[Note]:
    return [with_noise(NOTE, LABELS, share=share, seed=str(i)) for i in range(count)]


def test_no_noise_changes_nothing() -> None:
    assert noisy(0.0, 5) == [NOTE] * 5


def test_share_is_the_part_of_entities_that_are_wrong() -> None:
    wrong = sum(len({*NOTE.entities} - {*note.entities}) for note in noisy(0.1, 1000))

    # 3,000 entities, each wrong with chance 0.1: 300, and 4 standard deviations are 66.
    assert 234 <= wrong <= 366


def test_entities_are_missed_cut_wrongly_or_given_another_type() -> None:
    faults: Counter[str] = Counter()
    for note in noisy(1.0, 300):
        entity = next((e for e in note.entities if e.id == "T1"), None)
        if entity is None:
            faults["missed"] += 1
        elif entity.type != "problem":
            faults["type"] += (entity.start, entity.end) == (0, 11)
            assert entity.type in MAIN_TYPES
        else:
            # "severe rash" loses its first word.
            faults["cut"] += (entity.start, entity.end) == (7, 11)

    # A third each: 100, and 4 standard deviations are 33.
    assert sorted(faults) == ["cut", "missed", "type"]
    assert all(67 <= count <= 133 for count in faults.values())


def test_single_word_takes_in_the_next_word_or_is_missed_where_there_is_none() -> None:
    spans = {(e.start, e.end) for note in noisy(1.0, 100) for e in note.entities if e.id == "T2"}
    last = {(e.start, e.end) for note in noisy(1.0, 100) for e in note.entities if e.id == "T3"}

    # "severe" keeps its place or becomes "severe rash"; nothing follows "fever" but a stop.
    assert spans == {(0, 6), (0, 11)}
    assert last == {(16, 21)}


def test_relations_stay_true_to_the_entities() -> None:
    for note in noisy(0.7, 200):
        types = {entity.id: entity.type for entity in note.entities}
        for relation in note.relations:
            assert relation.head in types
            assert relation.type == types[relation.tail]
