"""i2b2 2010: `txt/n1.txt`, `concept/n1.con` and `rel/n1.rel`, where a place is line and word.

Lines count from 1, words from 0; a word is what stands between white space. A span is written as
all words it touches, and a relation by the words of its ends. What that cannot hold stands in a
file beside, `rest/n1.json`, for the notes that need it: where a span begins or ends within a word
or has gaps, which of two spans of the same words a relation is of, confidence and the patient.
Without that file spans are whole words, and such a relation is not read but counted. Words are
written as they are, where i2b2 has small letters. `treats` and `adverse_effect` from a treatment
to a problem are TrAP and TrCP, other types keep our names; assertions are not read but counted.

Source: Uzuner et al., 2010 i2b2/VA challenge on concepts, assertions, and relations (JAMIA 18(5)).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from fedmedlora.clinical.notes import Note, Relation
from fedmedlora.errors import Fault
from fedmedlora.formats.drafts import Draft, FoundEntity, FoundRelation, finished
from fedmedlora.formats.note_format import Files, LeftOut, NoteFormat, Reading
from fedmedlora.formats.note_paths import note_id_of, path_of
from fedmedlora.formats.rest import Rest, misfit, read_rest, rest_line, rest_of
from fedmedlora.formats.source_files import files_under, numbered_lines, on_one_line, text_of
from fedmedlora.formats.spans import parts_of
from fedmedlora.formats.words import WordPlace, Words, words_of

_FOLDERS = {".txt": "txt", ".con": "concept", ".rel": "rel", ".ast": "ast", ".json": "rest"}
_ANY_FOLDER = {*_FOLDERS.values(), "concepts"}
_TYPES = {"TrAP": "treats", "TrIP": "treats", "TrCP": "adverse_effect"}
_NAMES = {"treats": "TrAP", "adverse_effect": "TrCP"}
_PLACE = r"([0-9]{1,9}):([0-9]{1,9}) ([0-9]{1,9}):([0-9]{1,9})"
_CONCEPT = re.compile(rf'c="(.*)" {_PLACE}\|\|t="([^"|]+)"\s*', re.ASCII)
_MIDDLE = re.compile(rf'" {_PLACE}\|\|r="([^"|]+)"\|\|c="', re.ASCII)
_SECOND = re.compile(rf'.*" {_PLACE}\s*', re.ASCII)


def _render(note: Note) -> Files:
    words = words_of(note.text)
    places = {e.id: words.touched(e.start, e.end) or () for e in note.entities}
    types = {e.id: e.type for e in note.entities}
    shown = {id_: _shown(place, words, note.text) for id_, place in places.items()}
    concepts = (f'{shown[e.id]}||t="{e.type}"' for e in note.entities)
    relations = (f'{shown[r.head]}||r="{_name(r, types)}"||{shown[r.tail]}' for r in note.relations)
    files = {
        ".txt": note.text.encode(),
        ".con": _lines(concepts),
        ".rel": _lines(relations),
        ".json": rest_line(note.id, _beside(note, words, places)),
    }
    path = path_of(note.id)
    return {
        f"{_FOLDERS[ending]}/{path}{ending}": content
        for ending, content in files.items()
        if content or ending != ".json"
    }


def _beside(note: Note, words: Words, places: Mapping[str, WordPlace]) -> Rest:
    """Return what lines and words cannot say; entities and relations go by the number of theirs."""
    names = {e.id: f"T{number}" for number, e in enumerate(note.entities, start=1)}
    parts = {
        names[e.id]: parts_of(e)
        for e in note.entities
        if parts_of(e) != (words.span(places[e.id]),)
    }
    return replace(rest_of(note, note.text, names, parts), ends=_unclear(note, places, names))


def _lines(lines: Iterator[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _shown(place: WordPlace, words: Words, text: str) -> str:
    start, end = words.span(place) or (0, 0)
    quoted = on_one_line(text[start:end])
    return f'c="{quoted}" {place[0]}:{place[1]} {place[2]}:{place[3]}'


def _name(relation: Relation, types: Mapping[str, str]) -> str:
    """Return the task's word for a relation, where it has one."""
    is_theirs = (types[relation.head], types[relation.tail]) == ("treatment", "problem")
    return _NAMES.get(relation.type, relation.type) if is_theirs else relation.type


def _unclear(
    note: Note, places: Mapping[str, WordPlace], names: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Return the ends of the relations of which one stands where another entity stands too."""
    all_places = [*places.values()]
    return {
        f"R{number}": (names[r.head], names[r.tail])
        for number, r in enumerate(note.relations, start=1)
        if any(all_places.count(places[end]) > 1 for end in (r.head, r.tail))
    }


@dataclass(slots=True)
class _Found:
    """What the files of a note say; grows while they are read."""

    words: Words
    rest: Rest
    entities: list[FoundEntity] = field(default_factory=list)
    places: dict[WordPlace, list[str]] = field(default_factory=dict)
    relations: list[FoundRelation] = field(default_factory=list)
    unread: list[LeftOut] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def _read(source: Path) -> Reading:
    root = source if source.is_dir() else source.parent
    notes: dict[PurePath, dict[str, Path]] = {}
    for file in files_under(source, *_FOLDERS):
        path = file.relative_to(root).with_suffix("")
        folders = [part for part in path.parts[:-1] if part not in _ANY_FOLDER]
        notes.setdefault(PurePath(*folders, path.name), {})[file.suffix.lower()] = file
    for name, files in sorted(notes.items()):
        yield from _note(note_id_of(name.with_name(f"{name.name}.txt")), files)


def _note(note_id: str, files: Mapping[str, Path]) -> Reading:
    for ending in (".txt", ".con"):
        if ending not in files:
            place = str(next(iter(files.values())))
            yield Fault(place, f"no {ending} file beside it", "a text with its concepts")
            return
    read = {ending: text_of(file) for ending, file in files.items()}
    texts = {ending: text for ending, text in read.items() if isinstance(text, str)}
    yield from (text for text in read.values() if isinstance(text, Fault))
    if len(texts) < len(read):
        return
    rest = _rest(texts.get(".json", ""), files)
    if isinstance(rest, Fault):
        yield rest
        return
    found = _Found(words_of(texts[".txt"]), rest)
    for number, line in numbered_lines(texts[".con"]):
        _take_concept(line, f"{files['.con']}:{number}", found)
    for number, line in numbered_lines(texts.get(".rel", "")):
        _take_relation(line, f"{files['.rel']}:{number}", found)
    yield from found.unread
    yield from [LeftOut("assertions") for _ in numbered_lines(texts.get(".ast", ""))]
    place, text = str(files[".txt"]), texts[".txt"]
    draft = Draft(place, note_id, text, found.entities, found.relations, patient=rest.patient)
    yield from found.faults or finished(draft)


def _rest(text: str, files: Mapping[str, Path]) -> Rest | Fault:
    if not text.strip():
        return Rest()
    found = read_rest(text, str(files[".json"]))
    return found if isinstance(found, Fault) else found[1]


def _take_concept(line: str, place: str, found: _Found) -> None:
    if not (match := _CONCEPT.fullmatch(line)):
        expected = 'c="words", line:word of the first and the last, ||t="type"'
        found.faults.append(Fault(place, "a line that cannot be read", expected))
        return
    at = tuple(map(int, match.groups()[1:5]))
    if (span := found.words.span(at)) is None:
        expected = "lines counted from 1 and words from 0"
        found.faults.append(Fault(place, "words that are not there", expected))
        return
    id_ = f"T{len(found.entities) + 1}"
    exact, quoted = found.rest.parts.get(id_), None
    if exact is None:
        exact, quoted = (span,), match[1]
    elif found.words.touched(exact[0][0], exact[-1][1]) != at:
        found.faults.append(misfit(place, "spans beside it"))
    confidence = found.rest.confidence.get(id_)
    found.entities.append(FoundEntity(place, id_, match[6], exact, quoted, confidence))
    found.places.setdefault(at, []).append(id_)


def _take_relation(line: str, place: str, found: _Found) -> None:
    middle = _MIDDLE.search(line)
    second = _SECOND.fullmatch(line, middle.end()) if middle else None
    if not middle or not second or not line.startswith('c="'):
        expected = 'c="words" with their places, ||r="type"||, c="words" with their places'
        found.faults.append(Fault(place, "a line that cannot be read", expected))
        return
    number = f"R{len(found.relations) + len(found.unread) + 1}"
    places = [tuple(map(int, match.groups()[:4])) for match in (middle, second)]
    standing = [found.places.get(at, []) for at in places]
    ends = found.rest.ends.get(number)
    if not all(standing):
        expected = "the words of a line of the .con file"
        found.faults.append(Fault(place, "words of which no concept is", expected))
    elif ends and not all(end in ids for end, ids in zip(ends, standing, strict=True)):
        found.faults.append(misfit(place, "ends beside it"))
    elif not ends and any(len(ids) > 1 for ids in standing):
        found.unread.append(LeftOut("relations of words with several concepts"))
    else:
        head, tail = ends or (standing[0][0], standing[1][0])
        found.relations.append(FoundRelation(place, middle[5], head, tail))


FORMAT = NoteFormat(_render, _read, types=_TYPES)
