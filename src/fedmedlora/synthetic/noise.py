"""Annotation as tired people do it: some entities missed, cut wrongly or given another type."""

import random
import re
from dataclasses import replace

from fedmedlora.clinical.labels import MAIN_TYPES, MODIFIER_TYPES
from fedmedlora.clinical.notes import Entity, Labels, Note
from fedmedlora.synthetic.annotation import with_entities

_FAULTS = ("drop", "shift", "swap")
_NEXT_WORD = re.compile(r" [^\W\d_]+")


def with_noise(note: Note, labels: Labels, *, share: float, seed: str) -> Note:
    """Return a note with a share of its entities annotated wrongly, the same for the same seed.

    A missed entity takes its relations with it; a modifier of another type gives its relations
    that type. Ids and order stay.

    Args:
        share: The chance of each entity to be missed, shifted or given another type.
        labels: The types to choose a wrong one from.
    """
    rng = random.Random(seed)  # noqa: S311 - notes are invented, not secret
    entities = [
        _mistaken(entity, note.text, labels, rng) if rng.random() < share else entity
        for entity in note.entities
    ]
    return with_entities(note, [entity for entity in entities if entity])


def _mistaken(entity: Entity, text: str, labels: Labels, rng: random.Random) -> Entity | None:
    fault = rng.choice(_FAULTS)
    if fault == "drop":
        return None
    if fault == "swap":
        return replace(entity, type=_other_type(entity.type, labels, rng))
    return _shifted(entity, text)


def _other_type(type_: str, labels: Labels, rng: random.Random) -> str:
    kin = MAIN_TYPES if type_ in MAIN_TYPES else MODIFIER_TYPES
    others = [other for other in kin if other in labels.marked and other != type_]
    return rng.choice(others) if others else type_


def _shifted(entity: Entity, text: str) -> Entity | None:
    """Return the entity without its first word, or with the next one where it has but one."""
    first, space, _ = text[entity.start : entity.end].partition(" ")
    if space:
        return replace(entity, start=entity.start + len(first) + 1)
    following = _NEXT_WORD.match(text, entity.end)
    return replace(entity, end=following.end()) if following else None
