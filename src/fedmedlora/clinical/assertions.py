"""What a note says of a main entity beside its name: denied, doubted, of somebody else, over.

Words that are not sure to mean the patient, or that it is over, do not count as meaning it: what a
format makes of a note must never be more than the note says.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from fedmedlora.clinical.labels import CROSS_RELATIONS, MAIN_TYPES, MODIFIER_TYPES
from fedmedlora.clinical.notes import Entity, Note, Relation

Course = Literal["active", "recurrence", "relapse", "inactive", "remission", "resolved"]
"""How a problem goes, in the words of FHIR's clinical status."""

_COURSES: Mapping[str, Course] = {
    **dict.fromkeys(
        ("active", "ongoing", "persistent", "persisting", "worsening", "progressive"), "active"
    ),
    **dict.fromkeys(("recurrent", "recurrence", "recurring", "recurred"), "recurrence"),
    **dict.fromkeys(("relapse", "relapsed", "relapsing"), "relapse"),
    **dict.fromkeys(("inactive", "quiescent"), "inactive"),
    **dict.fromkeys(("remission", "in remission", "in complete remission"), "remission"),
    **dict.fromkeys(("resolved", "completely resolved", "fully resolved", "healed"), "resolved"),
}
_ARTICLES = {
    "a",
    "an",
    "the",
    "this",
    "that",
    "our",
    "year",
    "years",
    "yr",
    "month",
    "months",
    "old",
}
_PATIENTS = {"patient", "pt", "case", "he", "she", "him", "her", "his", "i", "me", "himself"}
_PATIENTS |= {"herself", "man", "woman", "boy", "girl", "gentleman", "lady", "male", "female"}
_OTHERS = {"her", "his"}
"""Before another word they say whose: her sister is not the patient."""
_IF = re.compile(r"(if|unless|should|in case|in the event)\b", re.IGNORECASE)
_PAST = re.compile(
    r"\b(history|h/o|hx|past|previous(ly)?|prior|former(ly)?|ago|yesterday|last (week|month|year)"
    r"|in childhood|as a child)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A main entity with all that a note ties to it.

    Attributes:
        entity: A problem, treatment, test or drug.
        name: Its text.
        modifiers: The texts of its modifiers by type, in reading order.
        links: Relations from it to other main entities.
    """

    entity: Entity
    name: str
    modifiers: Mapping[str, tuple[str, ...]]
    links: tuple[Relation, ...]

    @property
    def is_denied(self) -> bool:
        """Return whether the note says that it is, or was, not so."""
        return "negation" in self.modifiers

    @property
    def is_doubted(self) -> bool:
        """Return whether the note is not sure."""
        return "uncertain" in self.modifiers

    @property
    def is_hypothetical(self) -> bool:
        """Return whether it is spoken of in case it comes; a circumstance alone is no such case."""
        return any(_IF.match(words) for words in self.texts("condition"))

    @property
    def other(self) -> str:
        """Return who else it is about; "" where it is the patient."""
        return ", ".join(words for words in self.texts("subject") if not is_patient(words))

    @property
    def is_plain(self) -> bool:
        """Return whether the note says of the patient that it is or was so, without reserve."""
        return not (self.is_denied or self.is_doubted or self.is_hypothetical or self.other)

    @property
    def course(self) -> Course | None:
        """Return how it goes, where the note says so in words that mean one thing."""
        said = {_COURSES.get(" ".join(words.lower().split())) for words in self.texts("course")}
        return said.pop() if len(said) == 1 else None

    @property
    def is_past(self) -> bool:
        """Return whether the note says that it was before."""
        return any(_PAST.search(words) for words in self.texts("temporal"))

    def texts(self, type_: str) -> tuple[str, ...]:
        """Return the texts of its modifiers of a type."""
        return self.modifiers.get(type_, ())


def statements(note: Note) -> list[Statement]:
    """Return what a note says of each main entity, in reading order."""
    entities = {entity.id: entity for entity in note.entities}
    main = sorted(
        (one for one in note.entities if one.type in MAIN_TYPES),
        key=lambda one: (one.start, one.end, one.type, one.id),
    )
    return [
        Statement(
            entity,
            note.text[entity.start : entity.end],
            _modifiers(note, entities, entity),
            tuple(
                relation
                for relation in note.relations
                if relation.head == entity.id and relation.type in CROSS_RELATIONS
            ),
        )
        for entity in main
    ]


def is_patient(words: str) -> bool:
    """Return whether words for somebody can mean nobody but the patient."""
    parts = [part for part in re.split(r"[^a-z']+", words.lower()) if part not in _ARTICLES | {""}]
    says_whose = len(parts) > 1 and not _OTHERS.isdisjoint(parts)
    return bool(parts) and not says_whose and set(parts) <= _PATIENTS


def _modifiers(
    note: Note, entities: Mapping[str, Entity], head: Entity
) -> dict[str, tuple[str, ...]]:
    tied = sorted(
        (relation.type, entities[relation.tail].start, entities[relation.tail].end)
        for relation in note.relations
        if relation.head == head.id and relation.type in MODIFIER_TYPES
    )
    return {
        type_: tuple(note.text[start:end] for _, start, end in own)
        for type_, own in groupby(tied, key=lambda one: one[0])
    }
