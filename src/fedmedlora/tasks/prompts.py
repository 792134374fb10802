"""What a language model is told: one plain-text template for every base that is trained.

    <instruction: what to mark, and what each type means>
    Text:
    <window>
    =
    <window with marks>

Only the types that are asked for are named. The instruction is the same for all windows of a site,
so that a model has to read it once.

Source: the types and what belongs to them are those of the guideline in Fed-MedLoRA (arXiv
2601.22124); the words are ours.
"""

from collections.abc import Sequence

MEANINGS = {
    "problem": "disease, symptom, finding or injury",
    "treatment": "operation, procedure or therapy",
    "test": "examination, measurement or laboratory test",
    "drug": "medicine, by name or class",
    "bodyloc": "where in the body",
    "condition": "under what circumstance",
    "course": "how it develops",
    "dosage": "amount taken at a time",
    "duration": "for how long",
    "form": "form of the medicine",
    "frequency": "how often",
    "labvalue": "result of the test",
    "negation": "word that denies it",
    "reference_range": "normal values",
    "route": "way it is given",
    "severity": "how bad",
    "strength": "amount in one unit",
    "subject": "who has it",
    "temporal": "when",
    "uncertain": "word of doubt",
    "adverse_effect": "harm it did",
    "causes": "what it brings about",
    "treats": "what it is given for",
}

AFTER_TEXT = "\n=\n"
"""What stands between a window and its copy, marked or tagged: little, for each example has it."""


def entity_instruction(types: Sequence[str]) -> str:
    """Return what is said before a window whose entities are asked for."""
    return _instruction("Copy the text and mark every", types)


def relation_instruction(types: Sequence[str]) -> str:
    """Return what is said before a window in which a head stands in brackets."""
    return _instruction("Copy the text and mark what belongs to the head in brackets:", types)


def _instruction(task: str, types: Sequence[str]) -> str:
    meanings = "\n".join(f"{type_}: {MEANINGS[type_]}" for type_ in types)
    return f"{task}\n{meanings}\nText:\n"
