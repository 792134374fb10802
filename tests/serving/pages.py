"""A page over a reader that marks every "pain" as a problem, and a "no" before it as a negation."""

import re
from pathlib import Path

from fedmedlora.clinical.labels import MODIFIER_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.serving.app import Served
from fedmedlora.serving.notebook import Notebook
from fedmedlora.serving.readers import Reader

LABELS = Labels(("problem", "treatment", "test", "drug", *MODIFIER_TYPES), RELATION_TYPES)
# A word that no log and no error may repeat.
UNSAID = "Lupus"
PAINS = re.compile(r"(\bno )?\b(pain)\b", re.IGNORECASE)


def read(text: str) -> Note:
    entities: list[Entity] = []
    relations = []
    for number, found in enumerate(PAINS.finditer(text), start=1):
        entities.append(Entity(f"T{number}", "problem", *found.span(2), (), 0.75))
        if found[1]:
            start = found.start(1)
            entities.append(Entity(f"M{number}", "negation", start, start + 2))
            relations.append(Relation("negation", f"T{number}", f"M{number}"))
    lost = {"unreadable": 1} if "?" in text else {}
    return Note("pasted", "notes", text, tuple(entities), tuple(relations), lost=lost)


def no_pain(text: str) -> Note:
    return Note("pasted", "notes", text, (), (), lost={})


def served(notes: Path | None = None, save: Path | None = None, run: Path | None = None) -> Served:
    readers = [
        Reader("pains", "fed_medlora of pains, round 2", LABELS, "not for clinical use", read),
        Reader("nothing", "zero_shot of pains, untrained", LABELS, "", no_pain),
    ]
    return Served({one.name: one for one in readers}, Notebook(notes, save, LABELS), LABELS, run)
