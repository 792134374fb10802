"""What stands beside an invented note for tasks other than extraction, made of its annotation."""

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import Entity, FieldKind, Note

_NUM_OPTIONS = 4
_QUESTIONS = {
    "adverse_effect": "What harm did {} do?",
    "bodyloc": "Where in the body is {}?",
    "causes": "What does {} bring about?",
    "condition": "Under what circumstance is there {}?",
    "course": "How does {} develop?",
    "dosage": "How much of {} is taken at a time?",
    "duration": "For how long is {} taken?",
    "form": "In what form is {} taken?",
    "frequency": "How often is {} taken?",
    "labvalue": "What is the result of {}?",
    "negation": "Which words deny {}?",
    "reference_range": "What is normal for {}?",
    "route": "By what way is {} given?",
    "severity": "How bad is {}?",
    "strength": "What is the strength of {}?",
    "subject": "Who has {}?",
    "temporal": "When is {} said to be?",
    "treats": "What is {} given for?",
    "uncertain": "Which words cast doubt on {}?",
}
_HEADINGS = {"problem": "Problems", "treatment": "Treatments", "test": "Tests", "drug": "Drugs"}


def nothing(note: Note) -> Mapping[str, Any]:
    """Return nothing: extraction needs no more than what is annotated."""
    del note
    return {}


def question(note: Note) -> Mapping[str, Any]:
    """Return a question about what belongs to what, with options out of the same note."""
    rng = random.Random(f"question/{note.id}/{note.text}")  # noqa: S311 - nothing secret
    said = {one.id: note.text[one.start : one.end] for one in note.entities}
    asked = rng.choice(note.relations)
    right = said[asked.tail]
    alike = [r for r in note.relations if (r.head, r.type) == (asked.head, asked.type)]
    known = {said[one.tail].lower() for one in alike}
    others = [*note.entities]
    rng.shuffle(others)
    texts = {said[one.id].lower(): said[one.id] for one in others}
    wrong = [own for text, own in texts.items() if text not in known]
    options = [right, *wrong[: _NUM_OPTIONS - 1]]
    rng.shuffle(options)
    put = _QUESTIONS[asked.type].format(said[asked.head])
    return {"question": put, "options": tuple(options), "answer": options.index(right)}


def summary(note: Note) -> Mapping[str, Any]:
    """Return a line for each main type with what the note says of it, denied problems last."""
    denied = {one.head for one in note.relations if one.type == "negation"}
    lines = []
    for type_ in MAIN_TYPES:
        own = [one for one in note.entities if one.type == type_ and one.id not in denied]
        if own:
            lines.append(f"{_HEADINGS[type_]}: {_listed(note, own)}.")
    none = [one for one in note.entities if one.id in denied]
    if none:
        lines.append(f"Denied: {_listed(note, none)}.")
    return {"summary": "\n".join(lines)}


def _listed(note: Note, entities: Iterable[Entity]) -> str:
    texts = dict.fromkeys(note.text[one.start : one.end].lower() for one in entities)
    return ", ".join(texts)


Beside = tuple[Mapping[str, FieldKind], Callable[[Note], Mapping[str, Any]]]

BESIDE: Mapping[str, Beside] = {
    "extract": ({}, nothing),
    "answer": ({"question": "text", "options": "texts", "answer": "number"}, question),
    "summarise": ({"summary": "text"}, summary),
}
"""Task to what its notes have beside them, and how it is made of a note with all its annotation."""
