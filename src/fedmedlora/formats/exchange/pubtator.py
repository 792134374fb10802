"""PubTator: many notes in one file, each as title, abstract and one line an annotation.

A note's first line is its title. What lines with tabs between cannot hold stands in a file beside
them, `notes.rest.jsonl`, for the notes that need it: the characters that end a line (in the text a
blank stands for each, so that offsets are right for every reader), spans with gaps, confidence and
the patient. Without that file the text has blanks for line ends, and spans have no gaps. An
annotation's identifier is the entity's id, and relations are between identifiers. Of a source in
which several annotations have one identifier, as a term of a terminology has, such relations are
not read but counted.

Source: readme.txt of the BioCreative V CDR corpus.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote

from fedmedlora.clinical.notes import Note
from fedmedlora.errors import Fault
from fedmedlora.formats.drafts import Draft, FoundEntity, FoundRelation, finished
from fedmedlora.formats.note_format import Files, LeftOut, NoteFormat, Reading
from fedmedlora.formats.rest import Rest, misfit, read_rest, rest_line, rest_of, with_characters
from fedmedlora.formats.source_files import files_under, lines_of, on_one_line
from fedmedlora.formats.spans import numbered_ids

_FILE, _REST = "notes.pubtator", "notes.rest.jsonl"
_SAFE = "".join(map(chr, range(0x20, 0x7F))).replace("|", "").replace("%", "")
_TEXT = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_OFFSET = re.compile(r"[0-9]{1,9}", re.ASCII)
_RELATION_COLUMNS = 4
_ANNOTATION_COLUMNS = 5
_EXPECTED = "id|t|title, id|a|abstract, or columns of an annotation or a relation"


def _render(note: Note) -> Files:
    title, abstract = _title_and_abstract(note.text)
    id_, names = quote(note.id, safe=_SAFE), numbered_ids(note)
    lines = [f"{id_}|t|{title}", f"{id_}|a|{abstract}"]
    for e in note.entities:
        words = on_one_line(note.text[e.start : e.end])
        columns = (id_, e.start, e.end, words, e.type, names[e.id])
        lines.append("\t".join(map(str, columns)))
    lines += [f"{id_}\t{r.type}\t{names[r.head]}\t{names[r.tail]}" for r in note.relations]
    parts = {names[e.id]: e.fragments for e in note.entities if e.fragments}
    rest = rest_of(note, _text(title, abstract), names, parts)
    return {_FILE: "".join(f"{line}\n" for line in (*lines, "")).encode(), **_beside(id_, rest)}


def _beside(id_: str, rest: Rest) -> Files:
    line = rest_line(id_, rest)
    return {_REST: line} if line else {}


def _title_and_abstract(text: str) -> tuple[str, str]:
    """Return the first line of a text, and what is behind it and one character more."""
    first, line_end, _ = text.partition("\n")
    # Tools take white space from the end of a title, and all places behind it would be off.
    title = first.rstrip()
    abstract = text[len(title) + 1 :] if line_end else ""
    return (on_one_line(title), on_one_line(abstract)) if abstract else (on_one_line(text), "")


def _text(title: str, abstract: str) -> str:
    return f"{title}\n{abstract}" if abstract else title


@dataclass(slots=True)
class _Lines:
    """The lines of one note, each with its number; grows while they are read."""

    id: str
    number: int
    text: dict[str, str]
    columns: list[tuple[int, list[str]]] = field(default_factory=list)


def _read(source: Path) -> Reading:
    for file in files_under(source, ".pubtator", ".txt"):
        yield from _file(file, file.with_name(f"{file.stem}.rest.jsonl"))


def _file(file: Path, beside: Path) -> Reading:
    rests = _rests(beside)
    rest = next(rests, None)
    for found in _notes(file):
        if isinstance(found, Fault):
            yield found
            continue
        while isinstance(rest, Fault):
            yield rest
            rest = next(rests, None)
        if rest is not None and rest[0] == found.id:
            yield from _note(found, file, rest[1])
            rest = next(rests, None)
        else:
            yield from _note(found, file, Rest())
    if rest is not None:
        expected = "what was written beside the notes, in their order"
        strange = Fault(str(beside), "a line of no note", expected)
        yield rest if isinstance(rest, Fault) else strange


def _rests(file: Path) -> Iterator[tuple[str, Rest] | Fault]:
    for line in lines_of(file) if file.exists() else ():
        if isinstance(line, Fault):
            yield line
        elif line[1].strip():
            yield read_rest(line[1], f"{file}:{line[0]}")


def _notes(file: Path) -> Iterator[_Lines | Fault]:
    note: _Lines | None = None
    for line in lines_of(file):
        if isinstance(line, Fault):
            yield line
            continue
        number, written = line
        columns = written.split("\t")
        if match := _TEXT.fullmatch(written):
            id_, part, text = match.groups()
            if note is None or part == "t" or id_ != note.id:
                if note is not None:
                    yield note
                note = _Lines(id_, number, {})
            note.text[part] = text
        elif note is not None and columns[0] == note.id:
            note.columns.append((number, columns))
        elif written.strip():
            yield Fault(f"{file}:{number}", "a line that cannot be read", _EXPECTED)
    if note is not None:
        yield note


def _note(lines: _Lines, file: Path, rest: Rest) -> Reading:
    place = f"{file}:{lines.number}"
    entities, relations, faults = _columns(lines, file)
    faults += _misfits(place, entities, rest)
    text = with_characters(_text(lines.text.get("t", ""), lines.text.get("a", "")), rest)
    if text is None:
        faults.append(misfit(place, "characters beside it"))
    if faults or text is None:
        yield from faults
        return
    counted = Counter(entity.id for entity in entities)
    told = [r for r in relations if counted[r.head] == counted[r.tail] == 1]
    yield from [LeftOut("relations between terms, not places")] * (len(relations) - len(told))
    names, exact = _ids(entities, counted), [_exact(entity, rest) for entity in entities]
    entities = [replace(e, id=name) for e, name in zip(exact, names, strict=True)]
    yield from finished(Draft(place, unquote(lines.id), text, entities, told, patient=rest.patient))


def _columns(
    lines: _Lines, file: Path
) -> tuple[list[FoundEntity], list[FoundRelation], list[Fault]]:
    """Return what the lines with tabs are; an entity's id is the identifier that it has there."""
    entities, relations, faults = [], [], []
    for number, columns in lines.columns:
        place = f"{file}:{number}"
        if len(columns) == _RELATION_COLUMNS:
            relations.append(FoundRelation(place, *columns[1:]))
        elif len(columns) >= _ANNOTATION_COLUMNS and all(map(_OFFSET.fullmatch, columns[1:3])):
            span = (int(columns[1]), int(columns[2]))
            id_ = columns[5] if len(columns) > _ANNOTATION_COLUMNS else ""
            entities.append(FoundEntity(place, id_, columns[4], (span,), columns[3]))
        else:
            faults.append(Fault(place, "a line that cannot be read", _EXPECTED))
    return entities, relations, faults


def _misfits(place: str, entities: list[FoundEntity], rest: Rest) -> Iterator[Fault]:
    spans = {entity.id: entity.parts[0] for entity in entities}
    if any(spans.get(id_) != (parts[0][0], parts[-1][1]) for id_, parts in rest.parts.items()):
        yield misfit(place, "spans beside it")


def _exact(entity: FoundEntity, rest: Rest) -> FoundEntity:
    entity = replace(entity, confidence=rest.confidence.get(entity.id))
    if entity.id not in rest.parts:
        return entity
    return replace(entity, parts=rest.parts[entity.id], quoted=None)


def _ids(entities: list[FoundEntity], counted: Mapping[str, int]) -> list[str]:
    """Return an id for each: its identifier where it has one of its own, else a new one."""
    own = [entity.id if counted[entity.id] == 1 and entity.id else "" for entity in entities]
    taken = {*own}
    free = (f"M{number}" for number in range(1, 2 * len(own) + 2))
    return [id_ or next(name for name in free if name not in taken) for id_ in own]


FORMAT = NoteFormat(_render, _read)
