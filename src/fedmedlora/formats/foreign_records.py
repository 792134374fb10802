"""A note as a record of other people: the keys are ours, the types may be any.

Keys that a record need not have may be null in it, as they are in a column of a table.
"""

from collections.abc import Mapping
from typing import Any

from fedmedlora.errors import Fault
from fedmedlora.formats.drafts import Draft, FoundEntity, FoundRelation, finished
from fedmedlora.formats.json_shape import placed, shape_faults
from fedmedlora.formats.note_format import LeftOut, Reading
from fedmedlora.formats.spans import Parts

_NOTE: dict[str, type] = {"id": str, "text": str}
_LISTS: dict[str, type] = {"entities": list, "relations": list}
_NAMES: dict[str, type] = {"site": str, "patient": str}
# What could not be read was counted when the note was.
_KNOWN = {*_NOTE, *_LISTS, *_NAMES, "lost"}
_ENTITY: dict[str, type] = {"id": str, "type": str, "start": int, "end": int}
_MORE: dict[str, type] = {"text": str, "fragments": list}
_RELATION: dict[str, type] = {"type": str, "head": str, "tail": str}


def note_of_record(value: object, place: str) -> Reading:
    """Yield the note that a record is and what it has no place for, or all faults of it."""
    record = _without_nulls(value)
    faults = shape_faults(record, _NOTE)
    faults += shape_faults(record, _there(record, _LISTS | _NAMES))
    entities = [_without_nulls(entity) for entity in _list(record, "entities")]
    relations = _list(record, "relations")
    for index, entity in enumerate(entities):
        faults += _entity_faults(entity, f"entities[{index}]")
    for index, relation in enumerate(relations):
        faults += shape_faults(relation, _RELATION, f"relations[{index}]")
    if faults or not isinstance(record, dict):
        yield from placed(faults, place)
        return
    found = [_entity(e, f"{place}: entities[{index}]") for index, e in enumerate(entities)]
    ties = [
        FoundRelation(f"{place}: relations[{index}]", r["type"], r["head"], r["tail"])
        for index, r in enumerate(relations)
    ]
    site, patient = record.get("site", ""), record.get("patient")
    yield from finished(Draft(place, record["id"], record["text"], found, ties, site, patient))
    yield from [LeftOut("fields")] * len(record.keys() - _KNOWN)


def _without_nulls(value: object) -> Any:  # noqa: ANN401 -- any JSON value
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if item is not None}


def _there(value: object, keys: Mapping[str, type]) -> dict[str, type]:
    """Return those of some keys that a record has."""
    return {key: kind for key, kind in keys.items() if isinstance(value, dict) and key in value}


def _list(record: object, key: str) -> list[Any]:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, list) else []


def _entity_faults(entity: object, path: str) -> list[Fault]:
    faults = shape_faults(entity, _ENTITY, path)
    faults += shape_faults(entity, _there(entity, _MORE), path) if isinstance(entity, dict) else []
    if faults or not isinstance(entity, dict):
        return faults
    expected = "[start, end] of each part, from the start to the end of the entity"
    if (parts := _parts(entity)) is None:
        faults.append(Fault(f"{path}.fragments", "a list of something else", expected))
    elif (parts[0][0], parts[-1][1]) != (entity["start"], entity["end"]):
        faults.append(Fault(f"{path}.fragments", "parts of another span", expected))
    confidence = entity.get("confidence", 0)
    if type(confidence) not in (int, float) or not 0 <= confidence <= 1:
        faults.append(Fault(f"{path}.confidence", "something else", "a number of 0 to 1"))
    return faults


def _entity(entity: Mapping[str, Any], place: str) -> FoundEntity:
    parts = _parts(entity) or ()
    # A quoted text is of the whole span, which with gaps is not that of its parts.
    quoted = entity.get("text") if len(parts) == 1 else None
    confidence = entity.get("confidence")
    return FoundEntity(place, entity["id"], entity["type"], parts, quoted, confidence)


def _parts(entity: Mapping[str, Any]) -> Parts | None:
    """Return the parts of an entity, None where its fragments are none."""
    fragments = entity.get("fragments") or [[entity["start"], entity["end"]]]
    are_spans = all(
        isinstance(part, list) and [*map(type, part)] == [int, int] for part in fragments
    )
    return tuple((start, end) for start, end in fragments) if are_spans else None
