"""Notes as JSON, one a line: the files of a site without its description. Holds everything.

What stands beside a text for other tasks is written, and left out again where it is read: which
task it is for, the description alone says.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from fedmedlora.clinical.notes import Note
from fedmedlora.errors import Fault
from fedmedlora.formats.foreign_records import note_of_record
from fedmedlora.formats.json_shape import json_lines_in
from fedmedlora.formats.note_format import Files, NoteFormat, Reading
from fedmedlora.formats.note_records import record_of, unread_record
from fedmedlora.formats.source_files import files_under

_FILE = "notes.jsonl"


def _render(note: Note) -> Files:
    return {_FILE: (json.dumps(record_of(note), ensure_ascii=False) + "\n").encode()}


def _unread(fault: Fault) -> Files:
    return {_FILE: (json.dumps(unread_record(fault), ensure_ascii=False) + "\n").encode()}


def read(source: Path) -> Reading:
    """Yield the notes of a file, or of all files of a folder and its folders."""
    for file in files_under(source, ".jsonl"):
        try:
            with file.open("rb") as lines:
                yield from _notes(lines, file)
        except OSError as error:
            yield Fault(str(file), f"'{error.strerror}' on reading", "a readable file")


def _notes(lines: Iterable[bytes], file: Path) -> Reading:
    for line in json_lines_in(lines, str(file)):
        if isinstance(line, Fault):
            yield line
        else:
            yield from note_of_record(line.value, f"{file}:{line.number}")


FORMAT = NoteFormat(_render, read, unread=_unread, lacks=())
