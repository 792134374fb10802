"""JSON from a file that a person made: what it holds, and every fault of its form.

Faults name places, types and lengths, never values that could be text of a note.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fedmedlora.errors import Fault

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# As annotation tools number things: T1, R12. A word, or a longer number, may name a patient.
_NUMBERED = re.compile(r"[A-Za-z]{1,2}[0-9]{1,4}", re.ASCII)
_KINDS = {
    str: "a text",
    int: "a whole number",
    bool: "true or false",
    float: "a number with a fraction",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a JSONL file, counted from 1, with the value on it."""

    number: int
    value: object


def json_lines(content: bytes, place: str) -> Iterator[Line | Fault]:
    """Yield the lines of a JSONL file, and in the place of one that cannot be read, its fault.

    Lines end at LF only, so that other line breaks may stand inside a text; white lines are
    passed over.
    """
    yield from json_lines_in(content.split(b"\n"), place)


def json_lines_in(lines: Iterable[bytes], place: str) -> Iterator[Line | Fault]:
    """Yield the same of lines that come one by one, with the LF that ends them or without."""
    for number, line in enumerate(lines, start=1):
        content, faults = _without_mark(line, place) if number == 1 else (line, [])
        yield from faults
        if content.strip():
            value = _decoded(content.removesuffix(b"\n"), place, number)
            yield value if isinstance(value, Fault) else Line(number, value)
        if number == 1 and line.startswith(_UTF16_MARKS):
            # No line of it could be read.
            return


def json_object(
    content: bytes, keys: Mapping[str, type], place: str
) -> tuple[dict[str, object], list[Fault]]:
    """Return the object that a JSON file holds, {} where it holds none, and its faults."""
    content, faults = _without_mark(content, place)
    value = _decoded(content, place, 1)
    if isinstance(value, Fault):
        return {}, [*faults, value]
    faults += placed(shape_faults(value, keys), place)
    return (value if isinstance(value, dict) else {}), faults


def shape_faults(value: object, keys: Mapping[str, type], path: str = "") -> list[Fault]:
    """Return what of an object's keys is missing or of a wrong kind; other keys are let be.

    Args:
        value: What should be an object.
        keys: Each key it must have, with the exact type of its value.
        path: Where the object stands in its line, as `entities[0]`.
    """
    if not isinstance(value, dict):
        return [Fault(path, kind_of(value), "an object")]
    faults = []
    for key, kind in keys.items():
        where = f"{path}.{key}".lstrip(".")
        if key not in value:
            faults.append(Fault(where, "no such key", _KINDS[kind]))
        elif type(value[key]) is not kind:
            faults.append(Fault(where, kind_of(value[key]), _KINDS[kind]))
        elif isinstance(value[key], str) and (broken := half_character(value[key])) is not None:
            found = f"half a character (a lone surrogate) at offset {broken}"
            faults.append(Fault(where, found, "whole characters"))
    return faults


def kind_of(value: object) -> str:
    """Return what kind of JSON value this is, in words."""
    return _KINDS[type(value)]


def id_of(value: str) -> str:
    """Return an id for a message: itself where it is a number of a tool, else only its length."""
    return f"'{value}'" if _NUMBERED.fullmatch(value) else length_of(value)


def length_of(value: str) -> str:
    """Return what a message may say of a text that can be any: B12 is a word of a note too."""
    return f"a text of {len(value)} character{'' if len(value) == 1 else 's'}"


def placed(faults: Iterable[Fault], place: str) -> Iterator[Fault]:
    """Yield faults with their file, or file and line, put before the key."""
    for fault in faults:
        yield replace(fault, where=f"{place}: {fault.where}" if fault.where else place)


def _without_mark(content: bytes, place: str) -> tuple[bytes, list[Fault]]:
    """Return a file's bytes without a byte order mark, and the fault that there was one."""
    expected = "UTF-8 text from the first byte on"
    advice = "save the file as UTF-8 without a byte order mark"
    if content.startswith(_UTF8_MARK):
        fault = Fault(f"{place}:1", "a byte order mark of UTF-8", expected, advice)
        return content[len(_UTF8_MARK) :], [fault]
    if content.startswith(_UTF16_MARKS):
        return b"", [Fault(f"{place}:1", "a byte order mark of UTF-16", expected, advice)]
    return content, []


def _decoded(content: bytes, place: str, number: int) -> object:
    """Return the JSON value that begins on line `number`, or the fault in it."""
    expected = "one JSON object"
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        line, byte = _line_and_byte(content, error.start)
        found = f"byte 0x{content[error.start]:02x} at byte {byte} of the line"
        return Fault(f"{place}:{number + line}", found, "UTF-8 text", "save the file as UTF-8")
    except json.JSONDecodeError as error:
        # What follows a colon in the message may quote the line.
        found = f"malformed JSON ({error.msg.partition(':')[0]}) at character {error.colno}"
        return Fault(f"{place}:{number + error.lineno - 1}", found, expected)
    except _RepeatedKeyError as error:
        found = f"{length_of(error.key)} as a key twice in one object"
        return Fault(f"{place}:{number}", found, "each key once")
    except (ValueError, RecursionError):
        found = "JSON with a number too long or lists too deep to be read"
        return Fault(f"{place}:{number}", found, expected)


def _line_and_byte(content: bytes, index: int) -> tuple[int, int]:
    """Return how many lines end before a byte, and its place in its line, counted from 1."""
    before = content[:index]
    return before.count(b"\n"), index - before.rfind(b"\n")


class _RepeatedKeyError(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object of which nothing was dropped in silence."""
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return value


def half_character(text: str) -> int | None:
    """Return the offset of the first lone surrogate, which UTF-8 cannot hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None
