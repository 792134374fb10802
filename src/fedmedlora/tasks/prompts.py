"""What a language model is told: one plain-text template for every base that is trained.

    <instruction: what is wanted, and what each type means>
    Text:
    <window>
    =
    <answer: the window with marks, or a list>

Only the types that are asked for are named. The instruction is the same for all windows of a site,
so that a model has to read it once.

Source: the types and what belongs to them are those of the guideline in Fed-MedLoRA (arXiv
2601.22124); the words are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
"""What stands between a window and its answer: little, for each example has it."""
BEFORE_NEXT = "\nText:\n"
"""What stands between an answer that is shown and the next window."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What a formulation asks for, before the types.

    Attributes:
        entities: Where entities are wanted.
        relations: Where what belongs to a head in brackets is.
    """

    entities: str
    relations: str


MARKING = Wording(
    "Copy the text and mark every",
    "Copy the text and mark what belongs to the head in brackets:",
)
LISTING = Wording(
    "List in the order of the text every",
    "List in the order of the text what belongs to the head in brackets:",
)


def instruction(wording: Wording, types: Sequence[str], *, of_head: bool) -> str:
    """Return what is said before a window."""
    task = wording.relations if of_head else wording.entities
    meanings = "\n".join(f"{type_}: {MEANINGS[type_]}" for type_ in types)
    return f"{task}\n{meanings}\nText:\n"
