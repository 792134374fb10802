"""A note with fewer or other entities, its relations kept true to them."""

from collections.abc import Iterable
from dataclasses import replace

from fedmedlora.clinical.labels import MAIN_TYPES, MODIFIER_TYPES
from fedmedlora.clinical.notes import Entity, Labels, Note, Relation


def with_entities(note: Note, entities: Iterable[Entity]) -> Note:
    """Return the note with these entities; relations without an end go, modifiers give the type."""
    kept = {entity.id: entity for entity in entities}
    relations = tuple(
        _retyped(relation, kept[relation.tail])
        for relation in note.relations
        if relation.head in kept and relation.tail in kept
    )
    return replace(note, entities=tuple(kept.values()), relations=relations)


def annotated_as(note: Note, labels: Labels) -> Note:
    """Return the note as a site annotates it: its types only, no modifier without a head."""
    typed = with_entities(note, (e for e in note.entities if e.type in labels.marked))
    relations = tuple(r for r in typed.relations if r.type in labels.relations)
    tails = {relation.tail for relation in relations}
    entities = (e for e in typed.entities if e.type in MAIN_TYPES or e.id in tails)
    return with_entities(replace(typed, relations=relations), entities)


def _retyped(relation: Relation, tail: Entity) -> Relation:
    return replace(relation, type=tail.type) if tail.type in MODIFIER_TYPES else relation
