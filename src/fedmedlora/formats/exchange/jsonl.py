"""Notes as JSON, one a line: the files of a site without its description."""

import json
from collections.abc import Iterator
from pathlib import Path

from fedmedlora.clinical.labels import ENTITY_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.errors import Fault
from fedmedlora.formats.json_shape import json_lines, placed
from fedmedlora.formats.note_faults import note_faults
from fedmedlora.formats.note_format import Files, NoteFormat
from fedmedlora.formats.note_records import note_of, record_of, unread_record

_FILE = "notes.jsonl"
_ALL = Labels(ENTITY_TYPES, RELATION_TYPES)


def _render(note: Note) -> Files:
    return {_FILE: (json.dumps(record_of(note), ensure_ascii=False) + "\n").encode()}


def _unread(fault: Fault) -> Files:
    return {_FILE: (json.dumps(unread_record(fault), ensure_ascii=False) + "\n").encode()}


def _read(source: Path) -> Iterator[Note | Fault]:
    files = [source] if source.is_file() else sorted(source.glob("*.jsonl"))
    for file in files:
        for line in json_lines(file.read_bytes(), str(file)):
            if isinstance(line, Fault):
                yield line
                continue
            faults = note_faults(line.value, site=None, labels=_ALL)
            yield from placed(faults, f"{file}:{line.number}")
            if isinstance(line.value, dict) and not faults:
                yield note_of(line.value)


FORMAT = NoteFormat(_render, _read, unread=_unread)
