"""What of a note a format has no place for, as one JSON line in a file beside it.

Other tools never look at that file and so read the format as they know it; with it, nothing of the
note is lost. What no longer fits, because somebody edited the note, is a fault and not guessed at.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fedmedlora.clinical.notes import Note
from fedmedlora.errors import Fault
from fedmedlora.formats.spans import Parts

_EXPECTED = "what was written beside the notes"
_ADVICE = "remove the file to do without it"


@dataclass(frozen=True, slots=True)
class Rest:
    """What stands beside a note; entities and relations go by what their format knows them by.

    Attributes:
        characters: Place in the text to the one character that is there in truth.
        parts: Entity to where it stands exactly.
        confidence: Entity to the probability that it is right.
        ends: Relation to the two entities that it is of.
    """

    characters: Mapping[int, str] = field(default_factory=dict)
    parts: Mapping[str, Parts] = field(default_factory=dict)
    confidence: Mapping[str, float] = field(default_factory=dict)
    ends: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    patient: str | None = None


def rest_line(note_id: str, rest: Rest) -> bytes:
    """Return the line of a note; nothing where the format held all of it."""
    said: dict[str, object] = {
        "characters": [*map(list, rest.characters.items())],
        "parts": {id_: [*map(list, parts)] for id_, parts in rest.parts.items()},
        "confidence": dict(rest.confidence),
        "ends": {number: list(ends) for number, ends in rest.ends.items()},
        "patient": rest.patient,
    }
    said = {key: value for key, value in said.items() if value}
    if not said:
        return b""
    return (json.dumps({"id": note_id, **said}, ensure_ascii=False) + "\n").encode()


def read_rest(line: str, place: str) -> tuple[str, Rest] | Fault:
    """Return whose rest a line is and what it says, or what is wrong with it."""
    try:
        record = json.loads(line)
        if type(record["id"]) is str:
            return record["id"], _rest(record)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        pass
    return Fault(place, "a line that cannot be read", _EXPECTED, _ADVICE)


def misfit(place: str, what: str) -> Fault:
    """Return the fault that a rest is not of the note as it stands."""
    return Fault(place, f"{what} that do not fit the note", _EXPECTED, _ADVICE)


def with_characters(text: str, rest: Rest) -> str | None:
    """Return a text with its characters put in the place of blanks; None where none stand there."""
    characters = list(text)
    for place, character in rest.characters.items():
        if not (0 <= place < len(text) and text[place].isspace() and character.isspace()):
            return None
        characters[place] = character
    return "".join(characters)


def rest_of(note: Note, text: str, names: Mapping[str, str], parts: Mapping[str, Parts]) -> Rest:
    """Return what must stand beside a note.

    Args:
        text: Its text as the format by itself gives it back, of the same length.
        names: Entity id to what the entity is known by there.
        parts: Those spans that the format does not give back, by that name.
    """
    differing = enumerate(zip(text, note.text, strict=True))
    return Rest(
        {place: true for place, (there, true) in differing if there != true},
        parts,
        {names[e.id]: e.confidence for e in note.entities if e.confidence is not None},
        {},
        note.patient,
    )


def _rest(record: Mapping[str, Any]) -> Rest:
    """Return a rest from JSON.

    Raises:
        TypeError, ValueError, KeyError, AttributeError: It is something else.
    """
    characters = dict(record.get("characters", []))
    parts = {id_: tuple((a, b) for a, b in spans) for id_, spans in _items(record, "parts")}
    confidence = dict(_items(record, "confidence"))
    ends = {number: (head, tail) for number, (head, tail) in _items(record, "ends")}
    patient = record.get("patient")
    whole = [*characters, *(place for spans in parts.values() for span in spans for place in span)]
    texts = [*characters.values(), *(end for pair in ends.values() for end in pair)]
    is_right = (
        all(type(number) is int for number in whole)
        and all(type(text) is str for text in texts)
        and all(len(character) == 1 for character in characters.values())
        and all(parts.values())
        and all(type(p) in (int, float) and 0 <= p <= 1 for p in confidence.values())
        and (patient is None or (type(patient) is str and patient != ""))
    )
    if not is_right:
        raise ValueError
    return Rest(characters, parts, confidence, ends, patient)


def _items(record: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    return [*record.get(key, {}).items()]
