"""What would tell a base of the task: strings that it must never have read."""

from fedmedlora.clinical.labels import ENTITY_TYPES, RELATION_TYPES
from fedmedlora.tasks.marks import opening
from fedmedlora.tasks.prompts import (
    AFTER_TEXT,
    LISTING,
    MARKING,
    MEANINGS,
)

TYPES = sorted({*ENTITY_TYPES, *RELATION_TYPES})
TOLD = [
    *map(opening, TYPES),
    *(f"{type_}: {meaning}" for type_, meaning in MEANINGS.items()),
    *(f"\n{type_}:\n" for type_ in TYPES),
    *(words for wording in (MARKING, LISTING) for words in (wording.entities, wording.relations)),
    AFTER_TEXT,
]
