"""What the notes of all hospitals look like together."""

from collections import Counter
from functools import cache

import pytest

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import Note, SiteNotes
from fedmedlora.clinical.sentences import sentence_spans
from fedmedlora.synthetic.hospitals import synthesize

TRAINING = ("cardiology", "oncology", "psychiatry", "paediatrics", "orthopaedics")


@cache
def sites() -> dict[str, SiteNotes]:
    return {name: notes for name, (_, notes) in synthesize().items()}


def notes_of(*names: str) -> list[Note]:
    return [note for name in names for split in sites()[name].splits.values() for note in split]


def mentions(notes: tuple[Note, ...] | list[Note]) -> list[tuple[str, str]]:
    return [
        (entity.type, note.text[entity.start : entity.end].lower())
        for note in notes
        for entity in note.entities
        if entity.type in MAIN_TYPES
    ]


def share_seen(notes: tuple[Note, ...], known: list[tuple[str, str]]) -> float:
    found = mentions(notes)
    return sum(mention in {*known} for mention in found) / len(found)


def test_notes_are_as_short_as_a_demo_needs() -> None:
    for name in sites():
        notes = notes_of(name)
        assert 35 <= sum(len(note.text.split()) for note in notes) / len(notes) <= 90
        assert 5 <= len(mentions(notes)) / len(notes) <= 10


def test_nearly_all_relations_lie_in_one_sentence_and_some_do_not() -> None:
    inside = []
    for note in notes_of("cardiology", "oncology", "nephrology", "gastroenterology"):
        spans = sentence_spans(note.text)
        place = {
            entity.id: next(
                (i for i, (start, end) in enumerate(spans) if start <= entity.start < end), None
            )
            for entity in note.entities
        }
        inside += [place[relation.head] == place[relation.tail] for relation in note.relations]

    assert 0.9 <= sum(inside) / len(inside) < 1


def test_entities_nest() -> None:
    nested = Counter(
        (outer.type, inner.type)
        for note in notes_of("cardiology", "oncology")
        for outer in note.entities
        for inner in note.entities
        if inner != outer and outer.start <= inner.start and inner.end <= outer.end
    )

    assert {("problem", "severity"), ("problem", "bodyloc"), ("test", "bodyloc")} <= {*nested}
    assert {outer for outer, _ in nested} <= {*MAIN_TYPES}


def test_drugs_are_repeated_within_notes() -> None:
    notes = notes_of("cardiology", "orthopaedics", "nephrology")

    repeating = sum(
        max(Counter(m for m in mentions([note]) if m[0] == "drug").values(), default=0) > 1
        for note in notes
    )

    assert repeating / len(notes) >= 0.1


def test_some_sentences_hold_no_entity() -> None:
    empty = total = 0
    for note in notes_of("cardiology", "oncology"):
        for start, end in sentence_spans(note.text):
            total += 1
            empty += not any(start <= e.start < end for e in note.entities)

    assert 0.1 <= empty / total <= 0.6


def test_words_of_training_sites_do_not_solve_the_sites_they_never_saw() -> None:
    known = mentions([note for name in TRAINING for note in sites()[name].splits["train"]])

    assert 0 < share_seen(sites()["nephrology"].splits["test"], known) < 0.25
    assert 0 < share_seen(sites()["gastroenterology"].splits["test"], known) < 0.25


@pytest.mark.parametrize("name", TRAINING)
def test_sites_share_few_words(name: str) -> None:
    others = [other for other in TRAINING if other != name]
    known = mentions([note for other in others for note in sites()[other].splits["train"]])

    assert 0 < share_seen(sites()[name].splits["test"], known) < 0.25
