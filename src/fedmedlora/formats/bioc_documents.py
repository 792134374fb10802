"""A document of BioC as a note: passages put together, locations as spans.

Offsets count from the first passage on. What lies between two passages or sentences is not in the
file: line ends, and blanks, stand there. BioC's DTD asks for offsets in bytes, most tools write
characters: they are read as bytes where only that fits what the annotations quote.

Source: BioC.dtd of http://bioc.sourceforge.net/
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from fedmedlora.clinical.notes import Note
from fedmedlora.errors import Fault
from fedmedlora.formats.bioc_elements import Element
from fedmedlora.formats.drafts import Draft, FoundEntity, FoundRelation, finished, probability
from fedmedlora.formats.json_shape import length_of
from fedmedlora.formats.note_format import LeftOut, Reading

UNWRITABLE = "\ufffd"
"""What stands for a character that XML has no way to write."""

_WIDEST_GAP = 1000
_NUMBER = re.compile(r"\s*([0-9]{1,9})\s*", re.ASCII)
_RESTORED = re.compile(r"([0-9]{1,9}):([0-9a-f]{1,5})", re.ASCII)
_NUM_ENDS = 2

_Scope = tuple[int, ...]
"""Which passage something stands in, or passage and sentence; () is the document itself."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A text of the document; `gap` is what fills the room before it."""

    element: Element
    offset: int
    text: str
    gap: str


@dataclass(slots=True)
class _Parts:
    """What a document has, wherever it stands; grows while the document is gone through."""

    pieces: list[_Piece] = field(default_factory=list)
    annotations: list[tuple[_Scope, Element]] = field(default_factory=list)
    relations: list[tuple[_Scope, Element]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def notes_of(document: Element) -> Reading:
    """Yield the note of a document, or its faults, and what of it was not read."""
    parts = _parts(document)
    in_characters = _read(document, parts, len)
    if isinstance(in_characters[0], Note):
        yield from in_characters
    else:
        in_bytes = _read(document, parts, _num_bytes)
        yield from in_bytes if isinstance(in_bytes[0], Note) else in_characters
    for scope, relation in parts.relations:
        if not _ends(relation, scope, parts):
            yield LeftOut("relations that are not of two entities")


def _num_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _read(document: Element, parts: _Parts, measure: Callable[[str], int]) -> list[Note | Fault]:
    """Return the note, or its faults.

    Args:
        measure: How long a text is, in the unit in which the file's offsets are taken.
    """
    faults = list(parts.faults)
    text = _text(parts.pieces, measure, faults)
    restored = _restored(document, text, faults)
    base = min((piece.offset for piece in parts.pieces), default=0)
    ids, ruler = _ids(parts), _Ruler(text, base, measure)
    entities = [
        _entity(element, id_, ruler, faults, checks=restored == text)
        for (_, element), id_ in zip(parts.annotations, ids, strict=True)
    ]
    relations = [
        FoundRelation(element.place, _type(element), *(ids[index] for index in ends))
        for scope, element in parts.relations
        if (ends := _ends(element, scope, parts))
    ]
    if faults:
        return [*faults]
    note_id, patient = _names(document)
    draft = Draft(document.place, note_id, restored, entities, relations, patient=patient)
    return [*finished(draft)]


def _names(document: Element) -> tuple[str, str | None]:
    """Return what the note is called, and whose it is."""
    infons = document.infons
    note_id, patient = document.said("id").strip(), infons.get("patient")
    if "quoted" not in infons:
        return note_id, patient
    return unquote(note_id), patient and unquote(patient)


def _parts(document: Element) -> _Parts:
    parts = _Parts()
    _take(document, (), parts)
    for index, passage in enumerate(document.all("passage")):
        _take(passage, (index,), parts)
        sentences = passage.all("sentence")
        # In JSON a passage of sentences has a text too, an empty one.
        has_text = passage.said("text") != "" or not sentences
        if has_text:
            _take_text(passage, "\n", parts)
        for number, sentence in enumerate(sentences):
            _take(sentence, (index, number), parts)
            if not has_text:
                _take_text(sentence, " " if number else "\n", parts)
    return parts


def _take(element: Element, scope: _Scope, parts: _Parts) -> None:
    parts.annotations += [(scope, annotation) for annotation in element.all("annotation")]
    parts.relations += [(scope, relation) for relation in element.all("relation")]


def _take_text(element: Element, gap: str, parts: _Parts) -> None:
    offset = _whole(element, element.said("offset"), "offset", parts.faults)
    parts.pieces.append(_Piece(element, offset, element.said("text"), gap))


def _whole(element: Element, written: str, name: str, faults: list[Fault]) -> int:
    """Return a number, or 0 with a fault that it is none."""
    if match := _NUMBER.fullmatch(written):
        return int(match[1])
    faults.append(Fault(element.place, f"{length_of(written)} as {name}", "a whole number"))
    return 0


def _text(pieces: list[_Piece], measure: Callable[[str], int], faults: list[Fault]) -> str:
    """Return the pieces, each at its offset."""
    text, length = "", 0
    base = min((piece.offset for piece in pieces), default=0)
    for piece in sorted(pieces, key=lambda piece: piece.offset):
        width = piece.offset - base - length
        if not 0 <= width <= _WIDEST_GAP:
            found = f"an offset {abs(width)} {'behind' if width > 0 else 'before'} the last text"
            faults.append(Fault(piece.element.place, found, "passages one behind the other"))
            return text
        text += piece.gap * width + piece.text
        length += width + measure(piece.text)
    return text


@dataclass(frozen=True, slots=True)
class _Ruler:
    """From offsets of a file to characters of the text."""

    text: str
    base: int
    measure: Callable[[str], int]

    def character(self, offset: int) -> int:
        """Return which character an offset is; one past the end where it lies outside."""
        offset -= self.base
        if self.measure is len or offset < 0:
            return offset
        content = self.text.encode("utf-8", "surrogatepass")
        if offset > len(content):
            return len(self.text) + 1
        return len(content[:offset].decode("utf-8", "ignore"))


def _entity(
    element: Element, id_: str, ruler: _Ruler, faults: list[Fault], *, checks: bool
) -> FoundEntity:
    spans = []
    for location in element.all("location"):
        start = _whole(location, location.attributes.get("offset", ""), "offset", faults)
        length = _whole(location, location.attributes.get("length", ""), "length", faults)
        spans.append((ruler.character(start), ruler.character(start + length)))
    quoted = element.said("text") if checks and element.all("text") else None
    confidence = probability(element.infons.get("confidence", ""))
    return FoundEntity(element.place, id_, _type(element), tuple(spans), quoted, confidence)


def _type(element: Element) -> str:
    """Return what an annotation or a relation is; of one corpus or another, both keys are used."""
    infons = element.infons
    return infons.get("type") or infons.get("relation") or ""


def _ids(parts: _Parts) -> list[str]:
    """Return an id for each annotation: its own, or a number where two passages use one."""
    own = [element.attributes.get("id", "") for _, element in parts.annotations]
    if all(own) and len({*own}) == len(own):
        return own
    return [f"T{number}" for number in range(1, len(own) + 1)]


def _ends(relation: Element, scope: _Scope, parts: _Parts) -> list[int]:
    """Return which annotations are head and tail; none where it is not a relation of two."""
    nodes = sorted(relation.all("node"), key=_role)
    found = [
        index
        for node in nodes
        for index, (place, annotation) in enumerate(parts.annotations)
        if place[: len(scope)] == scope
        and annotation.attributes.get("id") == node.attributes.get("refid")
    ]
    return found if len(nodes) == len(found) == _NUM_ENDS else []


def _role(node: Element) -> int:
    return {"head": 0, "tail": 2}.get(node.attributes.get("role", ""), 1)


def _restored(document: Element, text: str, faults: list[Fault]) -> str:
    """Return a text with the characters that stand for others put back."""
    characters = list(text)
    for part in document.infons.get("characters", "").split():
        match = _RESTORED.fullmatch(part)
        place, code = (int(match[1]), int(match[2], 16)) if match else (len(text), 0)
        if place >= len(text) or text[place] != UNWRITABLE:
            found = "an infon `characters` that does not fit the text"
            faults.append(Fault(document.place, found, "offsets of U+FFFD, each with a character"))
            return text
        characters[place] = chr(code)
    return "".join(characters)
