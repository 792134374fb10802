"""What goes over the page's HTTP interface, in JSON.

Offsets count Unicode characters of the text, as everywhere in the project; JavaScript counts
UTF-16 units, which the page turns into characters.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST_CHARACTERS = 100_000
"""Of one note; a long discharge letter has 20,000."""
_MOST_ENTITIES = 20_000

Text = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Offset = Annotated[int, Field(ge=0, le=MOST_CHARACTERS, strict=True)]


class Shape(BaseModel):
    """Refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class EntityShape(Shape):
    """A marked stretch of text: characters, end exclusive."""

    id: Name
    type: Name
    start: Offset
    end: Offset
    fragments: Annotated[list[tuple[Offset, Offset]], Field(max_length=1000)] = []
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None


class RelationShape(Shape):
    """A tie from a main entity to its modifier or a second main entity, by id."""

    type: Name
    head: Name
    tail: Name


class Marks(Shape):
    """All that is marked in a note."""

    entities: Annotated[list[EntityShape], Field(max_length=_MOST_ENTITIES)]
    relations: Annotated[list[RelationShape], Field(max_length=_MOST_ENTITIES)]


class Question(Shape):
    """A text to be read, and by which reader."""

    reader: Name
    text: Text


class Reading(Marks):
    """What a reader found.

    Attributes:
        lost: How many entities it announced that stand nowhere, by reason.
    """

    reader: str
    lost: dict[str, int]
    seconds: float


class ReaderShape(Shape):
    """A reader and what it looks for."""

    name: str
    origin: str
    caution: str
    entities: list[str]
    relations: list[str]


class Desk(Shape):
    """What this page can do."""

    readers: list[ReaderShape]
    entities: list[str]
    relations: list[str]
    saves: bool
    federation: bool


class NoteLine(Shape):
    """A note that is at hand."""

    id: str
    characters: int
    corrected: bool


class NoteShape(Marks):
    """A note as it is kept, or as a person corrected it."""

    id: str
    text: str
    corrected: bool


class Correction(Marks):
    """A note as a person says it is."""

    text: Text


class Saved(Shape):
    """Where a correction was kept."""

    id: str
    split: str


class Problem(Shape):
    """Why something could not be done, without a word of a note."""

    problems: list[str]
