"""What is wrong with one note as JSON, told without a word of its text."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from fedmedlora.clinical.labels import CROSS_RELATIONS, ENTITY_TYPES, MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import FieldKind, Labels
from fedmedlora.errors import Fault
from fedmedlora.formats.fields import value_faults
from fedmedlora.formats.json_shape import id_of, kind_of, length_of, shape_faults

_NOTE: dict[str, type] = {"id": str, "site": str, "text": str}
_ENTITY = {"id": str, "type": str, "start": int, "end": int, "text": str}
_FEWEST_PARTS = 2
_RELATION = {"type": str, "head": str, "tail": str}


def note_faults(
    record: object,
    *,
    site: str | None,
    labels: Labels,
    fields: Mapping[str, FieldKind] = MappingProxyType({}),
) -> list[Fault]:
    """Return everything wrong with a note; `where` is the key, as `entities[0].end`.

    Args:
        record: One line of a split, read from JSON.
        site: The name that the note must repeat; None if it is not known.
        labels: The types that the site announces; where it announces none, a note may do without
            their lists.
        fields: What the site announces to stand beside the text.
    """
    lists = {"entities": labels.marked, "relations": labels.relations}
    told = record if isinstance(record, dict) else {}
    needed = {key: list for key, types in lists.items() if types or not fields or key in told}
    faults = [*shape_faults(record, _NOTE | needed), *_header_faults(record, site)]
    faults += value_faults(told, fields)
    text = text_at(record, "text")
    entities = _list_at(record, "entities")
    for index, entity in enumerate(entities):
        faults += _entity_faults(entity, f"entities[{index}]", text, labels.marked)
    faults += _id_faults(entities)
    types = _types_by_id(entities)
    for index, relation in enumerate(_list_at(record, "relations")):
        faults += _relation_faults(relation, f"relations[{index}]", types, labels.relations)
    return faults


def type_faults(
    value: str, path: str, *, known: Sequence[str], announced: Sequence[str]
) -> Iterator[Fault]:
    """Yield what is wrong with a type: not one of the guideline, or not announced by the site."""
    if value not in known:
        yield Fault(path, length_of(value), "one of " + ", ".join(known))
    elif value not in announced:
        advice = "list it there if the site annotates it in every note, or leave it out here"
        yield Fault(path, f"'{value}'", "a type that site.json lists", advice)


def text_at(record: object, key: str) -> str | None:
    """Return the text under a key, None where there is none."""
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, str) else None


def _list_at(record: object, key: str) -> list[object]:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, list) else []


def _header_faults(record: object, site: str | None) -> Iterator[Fault]:
    if text_at(record, "id") == "":
        yield Fault("id", "an empty text", "an id")
    if isinstance(record, dict) and "patient" in record:
        yield from shape_faults(record, {"patient": str})
        if text_at(record, "patient") == "":
            advice = "leave the key out where it is not known"
            yield Fault("patient", "an empty text", "whose note it is", advice)
    name = text_at(record, "site")
    if name is not None and site is not None and name != site:
        yield Fault("site", length_of(name), f"'{site}' as in site.json")
    text = text_at(record, "text")
    if text is not None and not text.strip():
        found = f"only white space, {len(text)} characters" if text else "an empty text"
        yield Fault("text", found, "the text of a note", "leave the note out")


def _entity_faults(
    entity: object, path: str, text: str | None, announced: Sequence[str]
) -> Iterator[Fault]:
    faults = shape_faults(entity, _ENTITY, path)
    yield from faults
    type_ = text_at(entity, "type")
    if type_ is not None:
        yield from type_faults(type_, f"{path}.type", known=ENTITY_TYPES, announced=announced)
    if isinstance(entity, dict) and not faults:
        yield from _confidence_faults(entity, path)
        yield from _fragment_faults(entity, path)
        if text:
            yield from _span_faults(entity, path, text)


def _span_faults(entity: Mapping[str, Any], path: str, text: str) -> Iterator[Fault]:
    """Yield what is wrong with the offsets of an entity whose keys are all there."""
    start, end, found = entity["start"], entity["end"], entity["text"]
    if not 0 <= start < len(text):
        expected = f"0 to {len(text) - 1}, an offset in the note's text"
        yield Fault(f"{path}.start", str(start), expected)
    elif not start < end <= len(text):
        expected = f"{start + 1} to {len(text)}, after start and in the note's text"
        yield Fault(f"{path}.end", str(end), expected)
    elif found != text[start:end]:
        num_same = _num_same(found, text[start:end])
        yield Fault(
            f"{path}.text",
            f"{len(found)} characters, of which {_agreeing(num_same)}",
            f"{end - start}, those of the note's text[{start}:{end}]",
            "offsets count characters, not bytes, and CR LF as two",
        )
    elif not found.strip():
        found = f"only white space, {len(found)} characters"
        yield Fault(f"{path}.text", found, "the text of an entity", "leave the entity out")


def _confidence_faults(entity: Mapping[str, Any], path: str) -> Iterator[Fault]:
    if "confidence" not in entity:
        return
    value = entity["confidence"]
    if type(value) not in (int, float):
        yield Fault(f"{path}.confidence", kind_of(value), "a number of 0 to 1")
    elif not 0 <= value <= 1:
        yield Fault(f"{path}.confidence", str(value), "a number of 0 to 1")


def _fragment_faults(entity: Mapping[str, Any], path: str) -> Iterator[Fault]:
    """Yield what is wrong with the parts of a span that has gaps."""
    if "fragments" not in entity:
        return
    fragments, where = entity["fragments"], f"{path}.fragments"
    expected = "[start, end] of two parts or more"
    if not isinstance(fragments, list):
        yield Fault(where, kind_of(fragments), f"a list, {expected}")
        return
    if len(fragments) < _FEWEST_PARTS or not all(map(_is_a_part, fragments)):
        yield Fault(where, "a list of something else", expected, "leave it out without gaps")
        return
    places = [place for part in fragments for place in part]
    if places[0] != entity["start"] or places[-1] != entity["end"]:
        expected = "the first to begin at start, the last to end at end"
        yield Fault(where, f"{places[0]} to {places[-1]}", expected)
    elif not all(one < other for one, other in pairwise(places)):
        yield Fault(where, "parts that are empty, touch or go back", "parts in order, and apart")


def _is_a_part(part: object) -> bool:
    return isinstance(part, list) and [*map(type, part)] == [int, int]


def _agreeing(num_same: int) -> str:
    return f"only the first {num_same} agree" if num_same else "not even the first agrees"


def _num_same(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _id_faults(entities: Sequence[object]) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, entity in enumerate(entities):
        id_ = text_at(entity, "id")
        if id_ is None:
            continue
        if id_ in seen:
            found = f"{id_of(id_)}, the id of entities[{seen[id_]}] too"
            yield Fault(f"entities[{index}].id", found, "an id of its own")
        seen.setdefault(id_, index)


def _types_by_id(entities: Sequence[object]) -> dict[str, str | None]:
    """Return the type of each entity that has an id, None where it cannot be read."""
    ids = ((text_at(entity, "id"), text_at(entity, "type")) for entity in entities)
    return {id_: type_ for id_, type_ in ids if id_ is not None}


def _relation_faults(
    relation: object, path: str, types: Mapping[str, str | None], announced: Sequence[str]
) -> Iterator[Fault]:
    yield from shape_faults(relation, _RELATION, path)
    type_ = text_at(relation, "type")
    if type_ is not None:
        yield from type_faults(type_, f"{path}.type", known=RELATION_TYPES, announced=announced)
    yield from _end_faults(text_at(relation, "head"), f"{path}.head", types, MAIN_TYPES)
    # Another type is told above, and not shown: it may be prose.
    own = (type_,) if type_ in RELATION_TYPES else ENTITY_TYPES
    fitting = MAIN_TYPES if type_ in CROSS_RELATIONS else own
    yield from _end_faults(text_at(relation, "tail"), f"{path}.tail", types, fitting)


def _end_faults(
    id_: str | None, path: str, types: Mapping[str, str | None], fitting: Sequence[str]
) -> Iterator[Fault]:
    """Yield what is wrong with the head or the tail of a relation."""
    if id_ is None:
        return
    if id_ not in types:
        yield Fault(path, f"{id_of(id_)}, which no entity has", "the id of an entity of the note")
        return
    type_ = types[id_]
    if type_ in ENTITY_TYPES and type_ not in fitting:
        yield Fault(path, f"an entity of type {type_}", "one of type " + " or ".join(fitting))
