"""A note as the reader of another format found it: to a note, or to its faults by file and line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.errors import Fault
from fedmedlora.formats.json_shape import half_character, id_of, length_of
from fedmedlora.formats.spans import Parts, covered_by

_OFFSETS = "offsets count characters, not bytes, and CR LF as two"


@dataclass(frozen=True, slots=True)
class FoundEntity:
    """An annotation of a source, unchecked.

    Attributes:
        place: File and line.
        parts: Where it stands in the text, each part (start, end).
        quoted: The text that the source says stands there; None where it says none.
    """

    place: str
    id: str
    type: str
    parts: Parts
    quoted: str | None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class FoundRelation:
    """A relation of a source, unchecked; `head` and `tail` are ids of its entities."""

    place: str
    type: str
    head: str
    tail: str


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a source says of a note; `place` is where it begins."""

    place: str
    id: str
    text: str
    entities: Sequence[FoundEntity]
    relations: Sequence[FoundRelation]
    site: str = ""
    patient: str | None = None


def finished(draft: Draft) -> Iterator[Note | Fault]:
    """Yield the note of a draft, or instead of it everything that is wrong with it."""
    faults = [*_faults(draft)]
    if faults:
        yield from faults
        return
    entities = tuple(map(_entity, draft.entities))
    relations = tuple(Relation(r.type, r.head, r.tail) for r in draft.relations)
    yield Note(draft.id, draft.site, draft.text, entities, relations, draft.patient)


def probability(words: str) -> float | None:
    """Return the number of 0 to 1 that a text is, else None."""
    try:
        number = float(words)
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None


def _entity(found: FoundEntity) -> Entity:
    parts = _joined(found.parts)
    fragments = parts if len(parts) > 1 else ()
    return Entity(found.id, found.type, parts[0][0], parts[-1][1], fragments, found.confidence)


def _joined(parts: Parts) -> Parts:
    """Return parts in order, those that touch as one."""
    joined = [*sorted(parts)[:1]]
    for start, end in sorted(parts)[1:]:
        if start == joined[-1][1]:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _faults(draft: Draft) -> Iterator[Fault]:
    if not draft.id:
        yield Fault(draft.place, "an empty id", "an id of the note")
    words = (draft.id, draft.patient or "", draft.text, *(entity.id for entity in draft.entities))
    if any(half_character(word) is not None for word in words):
        found = "half a character (a lone surrogate)"
        yield Fault(draft.place, found, "whole characters in ids and text")
        return
    if not draft.text.strip():
        found = f"only white space, {len(draft.text)} characters" if draft.text else "no text"
        yield Fault(draft.place, found, "the text of a note", "leave the note out")
        return
    places: dict[str, str] = {}
    for entity in draft.entities:
        yield from _entity_faults(entity, draft.text)
        if entity.id in places:
            found = f"{id_of(entity.id)}, the id of what stands at {places[entity.id]} too"
            yield Fault(entity.place, found, "an id of its own")
        places.setdefault(entity.id, entity.place)
    for relation in draft.relations:
        yield from _relation_faults(relation, places)


def _entity_faults(entity: FoundEntity, text: str) -> Iterator[Fault]:
    if not entity.parts:
        yield Fault(entity.place, "no offsets", "where in the text the entity stands")
        return
    for start, end in entity.parts:
        if not 0 <= start < end <= len(text):
            expected = f"a span of the note's text, which has {len(text)} characters"
            yield Fault(entity.place, f"offsets {start} to {end}", expected, _OFFSETS)
            return
    if any(end > start for (_, end), (start, _) in pairwise(sorted(entity.parts))):
        yield Fault(entity.place, "parts that overlap", "parts apart from one another")
        return
    covered = covered_by(entity.parts, text)
    if not covered.strip():
        found = f"only white space, {len(covered)} characters"
        yield Fault(entity.place, found, "the text of an entity", "leave the entity out")
    elif entity.quoted is not None and _plain(entity.quoted) != _plain(covered):
        found = f"{length_of(entity.quoted)} that does not stand at its offsets"
        yield Fault(entity.place, found, f"the {len(covered)} characters there", _OFFSETS)


def _plain(text: str) -> str:
    # Tools put white space as a blank or leave it out between parts, and i2b2 writes small letters.
    return "".join(text.split()).casefold()


def _relation_faults(relation: FoundRelation, places: Mapping[str, str]) -> Iterator[Fault]:
    for end, id_ in (("head", relation.head), ("tail", relation.tail)):
        if id_ not in places:
            found = f"{id_of(id_)} for its {end}, which no entity has"
            yield Fault(relation.place, found, "the id of an entity of the note")
