"""A note as JSON has it, and back: one line of a site's files.

What is not known is left out, so that notes without it keep their digest.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.errors import Fault


def note_of(record: Mapping[str, Any], fields: Iterable[str] = ()) -> Note:
    """Return the note of a record that has no fault.

    Args:
        fields: Keys of what stands beside the text.
    """
    return Note(
        record["id"],
        record["site"],
        record["text"],
        tuple(map(_entity, record.get("entities", ()))),
        tuple(Relation(r["type"], r["head"], r["tail"]) for r in record.get("relations", ())),
        record.get("patient"),
        {key: _plain(record[key]) for key in fields},
    )


def record_of(note: Note) -> dict[str, object]:
    """Return a note ready for JSON."""
    fields = note.fields.items()
    relations = [{"type": r.type, "head": r.head, "tail": r.tail} for r in note.relations]
    return {
        "id": note.id,
        "site": note.site,
        **({} if note.patient is None else {"patient": note.patient}),
        "text": note.text,
        **{key: list(value) if isinstance(value, tuple) else value for key, value in fields},
        "entities": [_entity_record(entity, note.text) for entity in note.entities],
        "relations": relations,
        **({} if note.lost is None else {"lost": dict(note.lost)}),
    }


def unread_record(fault: Fault) -> dict[str, object]:
    """Return what stands in the place of a note that could not be read; `where` is its name."""
    return {"id": fault.where, "found": fault.found, "expected": fault.expected}


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _entity(record: Mapping[str, Any]) -> Entity:
    fragments = tuple((start, end) for start, end in record.get("fragments", ()))
    return Entity(
        record["id"],
        record["type"],
        record["start"],
        record["end"],
        fragments,
        record.get("confidence"),
    )


def _entity_record(entity: Entity, text: str) -> dict[str, object]:
    return {
        "id": entity.id,
        "type": entity.type,
        "start": entity.start,
        "end": entity.end,
        "text": text[entity.start : entity.end],
        **({"fragments": [*map(list, entity.fragments)]} if entity.fragments else {}),
        **({} if entity.confidence is None else {"confidence": entity.confidence}),
    }
