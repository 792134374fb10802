import csv
import io
from datetime import date
from itertools import product

import pytest

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.formats.exchange.omop import FORMAT
from fedmedlora.formats.note_format import NoteFormat, Reading, is_one_file

READING = Reading("plus of demo", "0.1.0", date(2026, 1, 31))
READ = FORMAT.read_by(READING) if FORMAT.read_by else FORMAT
MODIFIERS = {
    "negation": "no",
    "uncertain": "possible",
    "subject": "mother",
    "condition": "if tired",
    "severity": "severe",
}


def note(*modifiers: str, text: str = "pain", confidence: float | None = None) -> Note:
    """Return a note of a problem, and of words tied to it."""
    entities = [Entity("T0", "problem", 0, 4, confidence=confidence)]
    for type_ in modifiers:
        start = len(text) + 1
        text += f" {MODIFIERS.get(type_, type_)}"
        entities.append(Entity(f"T{len(entities)}", type_, start, len(text)))
    relations = tuple(Relation(one.type, "T0", one.id) for one in entities[1:])
    return Note("17", "s", text, tuple(entities), relations)


def rows(*notes: Note, form: NoteFormat = READ) -> list[dict[str, str]]:
    parts = [form.head, *map(form.render, notes)]
    whole = b"".join(part["note_nlp.csv"] for part in parts).decode()
    return list(csv.DictReader(io.StringIO(whole, newline="")))


def test_a_main_entity_is_a_row_of_the_table() -> None:
    (row,) = rows(note("severity", confidence=0.25))

    number = int(row.pop("note_nlp_id"))
    assert 0 <= number < 2**63
    assert row == {
        "note_id": "17",
        "section_concept_id": "",
        "snippet": "pain severe",
        "offset": "0",
        "lexical_variant": "pain",
        "note_nlp_concept_id": "0",
        "note_nlp_source_concept_id": "",
        "nlp_system": "fedmedlora 0.1.0, plus of demo",
        "nlp_date": "2026-01-31",
        "nlp_datetime": "",
        "term_exists": "Y",
        "term_temporal": "",
        "term_modifiers": "type=problem;confidence=0.250;severity=severe",
    }
    assert is_one_file(READ)


@pytest.mark.parametrize("given", [*product([False, True], repeat=len(MODIFIERS))])
def test_what_is_denied_doubted_of_others_or_may_come_does_not_exist(
    given: tuple[bool, ...],
) -> None:
    own = [type_ for type_, is_given in zip(MODIFIERS, given, strict=True) if is_given]

    (row,) = rows(note(*own))

    absent = {"negation", "subject", "condition"} & set(own)
    assert row["term_exists"] == ("N" if absent else "" if "uncertain" in own else "Y")
    told = set(row["term_modifiers"].split(";"))
    assert told == {"type=problem", *(f"{type_}={MODIFIERS[type_]}" for type_ in own)}


def test_what_was_before_is_past() -> None:
    text = "pain 3 years ago"
    entities = (Entity("T1", "problem", 0, 4), Entity("T2", "temporal", 5, 16))
    relations = (Relation("temporal", "T1", "T2"),)

    (row,) = rows(Note("1", "s", text, entities, relations))

    assert row["term_temporal"] == "past"


def test_a_row_is_a_line_and_no_longer_than_its_columns() -> None:
    long = "pain" + ' "a;b=c,\r\n' * 400
    entities = (Entity("T1", "problem", 0, len(long)), Entity("T2", "severity", 0, len(long)))
    relations = (Relation("severity", "T1", "T2"), Relation("severity", "T1", "T2"))

    (row,) = rows(Note("1", "s", long, entities, relations))

    assert len(row["snippet"]) == len(row["lexical_variant"]) == 250
    assert row["term_modifiers"] == "type=problem"
    assert READ.render(Note("1", "s", long, entities, relations))["note_nlp.csv"].count(b"\n") == 1


def test_the_snippet_holds_the_term_and_what_stands_around() -> None:
    text = "x" * 100 + " pain " + "y" * 300
    (row,) = rows(Note("1", "s", text, (Entity("T1", "problem", 101, 105),), ()))

    # 60 before, 4 of the term, 1 blank and what is left of 250.
    assert row["snippet"] == "x" * 59 + " pain " + "y" * 185
    assert row["offset"] == "101"


def test_rows_have_numbers_of_their_own_that_stay() -> None:
    notes = [note(), note("severity"), note("negation")]

    numbers = [row["note_nlp_id"] for row in rows(*notes)]

    assert len(set(numbers)) == 3
    assert numbers == [row["note_nlp_id"] for row in rows(*notes, form=FORMAT)]


def test_a_note_in_which_nothing_was_found_has_no_row() -> None:
    assert rows(Note("1", "s", "well", (), ())) == []


def test_notes_of_no_reading_have_no_day() -> None:
    (row,) = rows(note(), form=FORMAT)

    assert (row["nlp_date"], row["nlp_system"]) == ("", "")
