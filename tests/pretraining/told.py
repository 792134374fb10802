"""What would tell a base of the task: strings that it must never have read."""

from fedmedlora.clinical.labels import ENTITY_TYPES, MAIN_TYPES, RELATION_TYPES
from fedmedlora.tasks.marks import opening
from fedmedlora.tasks.prompts import (
    AFTER_TEXT,
    MEANINGS,
    entity_instruction,
    relation_instruction,
)

TYPES = sorted({*ENTITY_TYPES, *RELATION_TYPES})
TOLD = [
    *map(opening, TYPES),
    *(f"{type_}: {meaning}" for type_, meaning in MEANINGS.items()),
    *(f"\n{type_}:\n" for type_ in TYPES),
    *(make(MAIN_TYPES).splitlines()[0] for make in (entity_instruction, relation_instruction)),
    AFTER_TEXT,
]
