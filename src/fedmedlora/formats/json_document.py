"""Notes as one JSON object, written as they come: where they are from, and a list of them."""

import json
from textwrap import indent

from fedmedlora.formats.note_format import Files, NoteFormat
from fedmedlora.formats.note_records import record_of, unread_record

_FILE = "notes.json"


def indented_json(origin: str) -> NoteFormat:
    """Return the object for a person: the same bytes as of `json.dumps` with an indent of 1."""

    def note(record: dict[str, object]) -> Files:
        return _files(indent(_as_json(record, spaces=1), "  "))

    head = f'{{\n "origin": {_as_json(origin)},\n "notes": [\n'
    return NoteFormat(
        lambda one: note(record_of(one)),
        head=_files(head),
        between=_files(",\n"),
        tail=_files("\n ]\n}\n"),
        unread=lambda fault: note(unread_record(fault)),
    )


def one_line_json(origin: str) -> NoteFormat:
    """Return the object for a script."""
    return NoteFormat(
        lambda one: _files(_as_json(record_of(one))),
        head=_files(f'{{"origin": {_as_json(origin)}, "notes": ['),
        between=_files(", "),
        tail=_files("]}\n"),
        unread=lambda fault: _files(_as_json(unread_record(fault))),
    )


def _files(text: str) -> Files:
    return {_FILE: text.encode()}


def _as_json(value: object, *, spaces: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=spaces)
