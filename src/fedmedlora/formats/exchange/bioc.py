"""BioC: one XML file of many notes; read from XML and from JSON.

Holds everything of a note: several locations are the parts of a span with gaps, confidence and the
patient are infons. A note is one passage. Offsets are written as characters, as BioC's Python
library and PubTator do (its DTD asks for bytes), and an infon says so. Characters that XML cannot
write, such as form feeds, stand as U+FFFD; an infon `characters` of the document says which.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from fedmedlora.clinical.notes import Entity, Note
from fedmedlora.errors import Fault
from fedmedlora.formats.bioc_documents import UNWRITABLE, notes_of
from fedmedlora.formats.bioc_elements import documents
from fedmedlora.formats.note_format import Files, NoteFormat, Reading
from fedmedlora.formats.source_files import files_under
from fedmedlora.formats.spans import covered_by, numbered_ids, parts_of

_FILE = "notes.xml"
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>fedmedlora</source><date></date><key></key>
"""
_TAIL = "</collection>\n"
_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A bare CR is read as LF by every XML parser.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})


def _render(note: Note) -> Files:
    return {_FILE: f"{''.join(_document(note))}\n".encode()}


def _read(source: Path) -> Reading:
    for file in files_under(source, ".xml", ".json"):
        for document in documents(file):
            if isinstance(document, Fault):
                yield document
            else:
                yield from notes_of(document)


def _document(note: Note) -> Iterator[str]:
    names = [note.id, *([] if note.patient is None else [note.patient])]
    is_quoted = any(_REFUSED.search(name) or name != name.strip() for name in names)
    if is_quoted:
        names = [quote(name, safe="") for name in names]
    yield f"<document><id>{_escaped(names[0])}</id>{_infon('offsets', 'characters')}"
    if is_quoted:
        yield _infon("quoted", "id patient")
    if note.patient is not None:
        yield _infon("patient", names[1])
    refused = [f"{found.start()}:{ord(found[0]):02x}" for found in _REFUSED.finditer(note.text)]
    if refused:
        yield _infon("characters", " ".join(refused))
    yield f"<passage><offset>0</offset><text>{_escaped(note.text)}</text>"
    ids = numbered_ids(note)
    for entity in note.entities:
        yield from _annotation(entity, ids[entity.id], note.text)
    yield "</passage>"
    for number, relation in enumerate(note.relations, start=1):
        yield f'<relation id="R{number}">{_infon("type", relation.type)}'
        yield f'<node refid="{ids[relation.head]}" role="head"/>'
        yield f'<node refid="{ids[relation.tail]}" role="tail"/></relation>'
    yield "</document>"


def _annotation(entity: Entity, id_: str, text: str) -> Iterator[str]:
    parts = parts_of(entity)
    yield f'<annotation id="{id_}">{_infon("type", entity.type)}'
    if entity.confidence is not None:
        yield _infon("confidence", repr(entity.confidence))
    for start, end in parts:
        yield f'<location offset="{start}" length="{end - start}"/>'
    yield f"<text>{_escaped(covered_by(parts, text))}</text></annotation>"


def _infon(key: str, value: str) -> str:
    return f'<infon key="{key}">{_escaped(value)}</infon>'


def _escaped(text: str) -> str:
    return _REFUSED.sub(UNWRITABLE, text).translate(_ESCAPES)


FORMAT = NoteFormat(_render, _read, head={_FILE: _HEAD.encode()}, tail={_FILE: _TAIL.encode()})
