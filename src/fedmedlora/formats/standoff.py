"""Annotations beside the text: `n1.txt`, and `n1.ann` with one line for each, as BRAT keeps them.

The text is kept byte by byte. A span over a line's end is one pair of offsets here, where BRAT's
own editor writes two; the words behind the offsets have blanks for line ends and tabs. Of an event
the trigger is an entity, and each role a relation from it.

Source: https://brat.nlplab.org/standoff.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fedmedlora.clinical.notes import Note
from fedmedlora.errors import Fault
from fedmedlora.formats.drafts import (
    Draft,
    FoundEntity,
    FoundRelation,
    finished,
    probability,
)
from fedmedlora.formats.note_format import Files, LeftOut, Reading
from fedmedlora.formats.note_paths import note_id_of, path_of
from fedmedlora.formats.source_files import files_under, numbered_lines, on_one_line, text_of
from fedmedlora.formats.spans import Parts, covered_by, numbered_ids, parts_of

# No two parts of a pattern can take the same character, so that no line takes long to refuse.
_ENTITY = re.compile(r"(T\S+)\t(\S+) ([0-9]{1,9} [0-9; ]*[0-9])\t(.*)", re.ASCII)
_PART = re.compile(r"([0-9]{1,9}) ([0-9]{1,9})", re.ASCII)
_RELATION = re.compile(r"R\S*\t([^\s:]+) [^\s:]+:([^\s:]+) [^\s:]+:([^\s:]+)\s*", re.ASCII)
_EVENT = re.compile(r"(E\S+)\t[^\s:]+:([^\s:]+)((?: [^\s:]+:[^\s:]+)*)\s*", re.ASCII)
_CONFIDENCE = re.compile(r"#\S*\tAnnotatorNotes (T\S+)\tconfidence (\S+)\s*", re.ASCII)
_FORMS = {
    "T": "an id, a type with offsets, and the words, with tabs between: T1, drug 0 4, Iron",
    "R": "an id and a type with two ends, with a tab between: R1, severity Arg1:T2 Arg2:T1",
    "E": "an id and a type with its trigger, with a tab between: E1, problem:T1",
}
_UNREAD = {
    "A": "attributes",
    "M": "attributes",
    "N": "links to a terminology",
    "*": "equivalences",
    "#": "annotators' notes",
}


def render(note: Note) -> Files:
    """Return the two files of a note."""
    place = path_of(note.id)
    lines = "".join(f"{line}\n" for line in _lines(note))
    return {f"{place}.txt": note.text.encode(), f"{place}.ann": lines.encode()}


def read(source: Path) -> Reading:
    """Yield the notes of a folder with all folders in it, or of one file with its other half."""
    places = {file.with_suffix("") for file in files_under(source, ".ann", ".txt")}
    root = source if source.is_dir() else source.parent
    for place in sorted(places):
        annotations = place.with_name(f"{place.name}.ann")
        text_file = place.with_name(f"{place.name}.txt")
        yield from _note(annotations, text_file, note_id_of(annotations.relative_to(root)))


def _lines(note: Note) -> Iterator[str]:
    ids = numbered_ids(note)
    for entity in note.entities:
        parts = parts_of(entity)
        offsets = ";".join(f"{start} {end}" for start, end in parts)
        words = on_one_line(covered_by(parts, note.text))
        yield f"{ids[entity.id]}\t{entity.type} {offsets}\t{words}"
    for number, relation in enumerate(note.relations, start=1):
        ends = f"Arg1:{ids[relation.head]} Arg2:{ids[relation.tail]}"
        yield f"R{number}\t{relation.type} {ends}"
    certain = [entity for entity in note.entities if entity.confidence is not None]
    for number, entity in enumerate(certain, start=1):
        yield f"#{number}\tAnnotatorNotes {ids[entity.id]}\tconfidence {entity.confidence!r}"


@dataclass(slots=True)
class _Annotations:
    """What the lines of a file say; grows while they are read."""

    entities: list[FoundEntity] = field(default_factory=list)
    relations: list[FoundRelation] = field(default_factory=list)
    triggers: dict[str, str] = field(default_factory=dict)
    confidence: dict[str, float] = field(default_factory=dict)


def _note(annotations: Path, text_file: Path, note_id: str) -> Reading:
    texts = _texts(annotations, text_file)
    yield from (text for text in texts if isinstance(text, Fault))
    lines, text = texts
    if isinstance(lines, Fault) or isinstance(text, Fault):
        return
    found = _Annotations()
    strange = [
        _read_line(line, f"{annotations}:{number}", found) for number, line in numbered_lines(lines)
    ]
    yield from (one for one in strange if one is not None)
    if not any(isinstance(one, Fault) for one in strange):
        yield from finished(_draft(found, str(text_file), note_id, text))


def _texts(annotations: Path, text_file: Path) -> tuple[str | Fault, str | Fault]:
    """Return the annotations and the text of a note, or what is wrong with the file of each."""
    advice = "an empty one says that nothing is annotated"
    halves = ((annotations, text_file, advice), (text_file, annotations, ""))
    lines, text = (
        text_of(file)
        if file.is_file()
        else Fault(str(file), "no such file", f"it beside {other.name}", advice)
        for file, other, advice in halves
    )
    return lines, text


def _read_line(line: str, place: str, found: _Annotations) -> Fault | LeftOut | None:
    """Take up one line; return what was not."""
    kind = line[0]
    if (entity := _ENTITY.fullmatch(line)) and (parts := _parts(entity[3])):
        found.entities.append(FoundEntity(place, entity[1], entity[2], parts, entity[4]))
    elif relation := _RELATION.fullmatch(line):
        found.relations.append(FoundRelation(place, *relation.groups()))
    elif event := _EVENT.fullmatch(line):
        found.triggers[event[1]] = event[2]
        roles = (role.split(":") for role in event[3].split())
        # Roles of one name are numbered: Site, Site2.
        found.relations += [
            FoundRelation(place, name.rstrip("0123456789") or name, event[1], filler)
            for name, filler in roles
        ]
    elif (said := _CONFIDENCE.fullmatch(line)) and (number := probability(said[2])) is not None:
        found.confidence[said[1]] = number
    elif kind in _UNREAD:
        return LeftOut(_UNREAD[kind])
    else:
        expected = _FORMS.get(kind, "a line that begins with T, R, E, A, M, N, * or #")
        return Fault(place, "a line that cannot be read", expected)
    return None


def _parts(offsets: str) -> Parts:
    """Return the parts that offsets like `0 4;6 9` name, none where they are no such."""
    matches = [_PART.fullmatch(part) for part in offsets.split(";")]
    return tuple((int(m[1]), int(m[2])) for m in matches if m) if all(matches) else ()


def _draft(found: _Annotations, place: str, note_id: str, text: str) -> Draft:
    """Return all that was read, ends of relations that are events put as their triggers."""
    relations = [
        FoundRelation(r.place, r.type, *(found.triggers.get(end, end) for end in (r.head, r.tail)))
        for r in found.relations
    ]
    entities = [
        FoundEntity(e.place, e.id, e.type, e.parts, e.quoted, found.confidence.get(e.id))
        for e in found.entities
    ]
    return Draft(place, note_id, text, entities, relations)
