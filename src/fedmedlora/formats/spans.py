"""Where an entity stands, in the terms of formats that know parts and numbers."""

import re

from fedmedlora.clinical.notes import Entity, Note

Parts = tuple[tuple[int, int], ...]

_NUMBERED = re.compile(r"T[0-9]{1,9}", re.ASCII)


def parts_of(entity: Entity) -> Parts:
    """Return the parts of a span, one where it has no gap."""
    return entity.fragments or ((entity.start, entity.end),)


def covered_by(parts: Parts, text: str) -> str:
    """Return the text of all parts, with a blank between them, as BRAT and others quote it."""
    return " ".join(text[start:end] for start, end in sorted(parts))


def numbered_ids(note: Note) -> dict[str, str]:
    """Return each entity's id as T and a number: its own where all of a note's are such."""
    ids = [entity.id for entity in note.entities]
    if all(map(_NUMBERED.fullmatch, ids)):
        return dict(zip(ids, ids, strict=True))
    return {id_: f"T{number}" for number, id_ in enumerate(ids, start=1)}
