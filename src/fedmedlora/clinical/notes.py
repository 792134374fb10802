"""A clinical note with its annotations, as plain values.

Offsets are characters of `Note.text`, end exclusive. Entities may nest and overlap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span of a text without the white space at its ends; empty where all is white."""
    own = text[start:end]
    start += len(own) - len(own.lstrip())
    return start, start + len(own.strip())


@dataclass(frozen=True, slots=True)
class Entity:
    """A typed span: `text[start:end]` of its note.

    Attributes:
        fragments: The parts of a span with gaps, each (start, end), in order and apart; the first
            begins at `start`, the last ends at `end`. Empty where it has none. What learns and what
            scores read the span whole.
        confidence: Probability that a model which found it is right; None of one a person marked.
    """

    id: str
    type: str
    start: int
    end: int
    fragments: tuple[tuple[int, int], ...] = ()
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """A tie from a main entity (`head`) to its modifier or a second main entity (`tail`), by id."""

    type: str
    head: str
    tail: str


FieldKind = Literal["text", "texts", "number"]
"""What stands beside a text: a text, a list of them, or a whole number."""


@dataclass(frozen=True, slots=True)
class Note:
    """One document of one site.

    Attributes:
        patient: Whose note it is, in the site's own numbering; None where the site does not say.
        fields: What stands beside the text for tasks other than extraction, as a question or a
            summary, by key; a text, a tuple of texts or a number.
        lost: Of a note that a model read, how many entities it announced that stand nowhere in the
            text, by reason.
    """

    id: str
    site: str
    text: str
    entities: tuple[Entity, ...]
    relations: tuple[Relation, ...]
    patient: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)
    lost: Mapping[str, int] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Labels:
    """The types a site annotates; a type that is not in here is unknown there, not absent.

    Attributes:
        heads: Main types that are marked where something belongs to them, and not in every note:
            they are given to relations, and neither learnt nor scored as entities.
    """

    entities: tuple[str, ...]
    relations: tuple[str, ...]
    heads: tuple[str, ...] = ()

    @property
    def marked(self) -> tuple[str, ...]:
        """Return the types that entities of the site's notes may have."""
        return (*self.entities, *self.heads)

    def told(self) -> dict[str, list[str]]:
        """Return the lists ready for JSON; `heads` only where there are some."""
        told = {"entities": [*self.entities], "relations": [*self.relations]}
        return told | ({"heads": [*self.heads]} if self.heads else {})


@dataclass(frozen=True, slots=True)
class SiteNotes:
    """All notes of one site.

    Attributes:
        splits: Split name (`train`, `dev`, `test`, `extra`) to notes, in file order.
        public: Whether the text may be shown outside the site.
        fields: What stands beside the text of each note, key to kind.
    """

    name: str
    labels: Labels
    public: bool
    splits: Mapping[str, tuple[Note, ...]]
    fields: Mapping[str, FieldKind] = field(default_factory=dict)
