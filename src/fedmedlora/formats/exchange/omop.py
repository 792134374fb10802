"""Rows of NOTE_NLP, a table of the OMOP common data model: one for each main entity, as CSV.

Every finding of a note is a row, also what is denied or somebody else's: `term_exists` tells, and
is empty where the note itself is not sure. No concept is looked up: `note_nlp_concept_id` is 0, as
the model has it for what is not mapped yet.

Source: OMOP CDM v5.4, NOTE_NLP, https://ohdsi.github.io/CommonDataModel/cdm54.html#note_nlp.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable
from functools import partial

from fedmedlora.clinical.assertions import Statement, statements
from fedmedlora.clinical.notes import Note
from fedmedlora.formats.note_format import Files, NoteFormat, Reading

_FILE = "note_nlp.csv"
_COLUMNS = (
    "note_nlp_id",
    "note_id",
    "section_concept_id",
    "snippet",
    "offset",
    "lexical_variant",
    "note_nlp_concept_id",
    "note_nlp_source_concept_id",
    "nlp_system",
    "nlp_date",
    "nlp_datetime",
    "term_exists",
    "term_temporal",
    "term_modifiers",
)
_MAX_TEXT = 250
_MAX_MODIFIERS = 2000
_AROUND = 60
"""Characters of a snippet before the term; those behind it fill it up."""
_UNMAPPED = 0


def _render(reading: Reading | None, note: Note) -> Files:
    return {_FILE: _csv(_row(reading, note, one) for one in statements(note))}


def _row(reading: Reading | None, note: Note, one: Statement) -> list[object]:
    entity = one.entity
    return [
        _number(note, one),
        note.id,
        "",
        _snippet(note.text, entity.start, entity.end),
        entity.start,
        _one_line(one.name)[:_MAX_TEXT],
        _UNMAPPED,
        "",
        f"fedmedlora {reading.version}, {reading.origin}"[:_MAX_TEXT] if reading else "",
        reading.began_on.isoformat() if reading else "",
        "",
        _exists(one),
        "past" if one.is_past else "",
        _modifiers(one),
    ]


def _number(note: Note, one: Statement) -> int:
    """Return a number that is the same whenever the note is read, of 63 bits."""
    said = f"{note.id}\n{one.entity.id}\n{note.text}"
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8], "big") >> 1


def _exists(one: Statement) -> str:
    if one.is_denied or one.other or one.is_hypothetical:
        return "N"
    # The model asks how sure it is, which nobody told.
    return "" if one.is_doubted else "Y"


def _modifiers(one: Statement) -> str:
    """Return all there is, as `negation=no;severity=mild`, cut at a whole modifier."""
    told = [f"type={one.entity.type}"]
    if one.entity.confidence is not None:
        told.append(f"confidence={one.entity.confidence:.3f}")
    told += [
        f"{type_}={re.sub(r'[;=]', ',', _one_line(text))}"
        for type_, texts in one.modifiers.items()
        for text in texts
    ]
    while len(";".join(told)) > _MAX_MODIFIERS:
        told.pop()
    return ";".join(told)


def _snippet(text: str, start: int, end: int) -> str:
    begin = max(0, start - _AROUND)
    return _one_line(text[begin : max(end, begin + _MAX_TEXT)])[:_MAX_TEXT]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _csv(rows: Iterable[Iterable[object]]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue().encode()


_HEAD = {_FILE: _csv([_COLUMNS])}
FORMAT = NoteFormat(
    partial(_render, None),
    head=_HEAD,
    read_by=lambda reading: NoteFormat(partial(_render, reading), head=_HEAD),
)
