"""Answers that list what was found, and where in the window each item stands.

    {"findings": [{"type": "drug", "text": "metoprolol"}, {"type": "problem", "text": "pain"}]}

Read is a list, or an object with exactly one list in it, whatever stands around it; what comes
before the last `</think>` is dropped. A list that breaks off counts as far as it can be read.

An item says what it found, not where. The list is in the order of the text, so an item takes the
first place of its text at or behind the start of the item before it, or else the first one in the
window, that no item of its type and text has taken. A place begins and ends with a word of the
window. White space and the case of letters count nowhere.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fedmedlora.tasks.findings import Decisions, Found, Lost, Span, gathered
from fedmedlora.tasks.marked_text import THOUGHT_END, folded
from fedmedlora.tasks.reading import Reading, announced, covered_tokens, inked, is_cut

_THOUGHT = "<think>"
_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"\s*")
# Prose before the answer may hold brackets too, such as those around a head.
_BEGIN = re.compile(r"""\[(?=\s*(?:[{\["\]]|\Z))|\{(?=\s*")""")


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as far as it could be read.

    Attributes:
        is_whole: Whether it ends, as JSON has it.
    """

    items: tuple[object, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class _Window:
    """What items are looked for in, as letters: without white space, without case.

    Attributes:
        letters: All of them.
        characters: The place of each in the note.
        starts: Characters of the note with which a word begins.
        ends: Characters before which one ends.
    """

    letters: str
    characters: Sequence[int]
    starts: frozenset[int]
    ends: frozenset[int]

    def places(self, letters: str) -> Iterator[tuple[int, int]]:
        """Yield where some letters stand as whole words, by characters of the note."""
        found = self.letters.find(letters)
        while found >= 0:
            start = self.characters[found]
            end = self.characters[found + len(letters) - 1] + 1
            if start in self.starts and end in self.ends:
                yield start, end
            found = self.letters.find(letters, found + 1)


def read_items(answer: str, reading: Reading, decided: Sequence[Decisions] = ()) -> Found:
    """Return what an answer lists, by characters of the note. Never raises on what a model says.

    Args:
        answer: What the model said, whatever it is.
        reading: The window, and the types asked for.
        decided: What made each item, where that is known; of more or fewer items it says nothing.
    """
    found = listed(answer)
    if found is None:
        return Found(lost=("unreadable",))
    broken: list[Lost] = [] if found.is_whole else ["never_closed"]
    made_by = decided if len(decided) == len(found.items) else ()
    return gathered([*_placed(found.items, reading), *broken], made_by)


def items_text(reading: Reading, gold: Sequence[Span]) -> str:
    """Return the answer that lists gold spans, those that lie in the window as whole words do."""
    spans = {
        announced(reading, *covered, span.type)
        for span in gold
        if span.type in reading.types and not is_cut(span, reading)
        if (covered := covered_tokens(reading, span))
    }
    ordered = sorted(
        (span for span in spans if isinstance(span, Span)),
        key=lambda span: (span.start, -span.end, reading.types.index(span.type)),
    )
    text = reading.tokens.text
    items = [{"type": span.type, "text": text[span.start : span.end]} for span in ordered]
    return json.dumps({"findings": items}, ensure_ascii=False)


def answer_schema(types: Sequence[str]) -> dict[str, object]:
    """Return the JSON schema of such an answer, as strict as endpoints can take one."""
    item = _closed({"type": {"type": "string", "enum": [*types]}, "text": {"type": "string"}})
    return _closed({"findings": {"type": "array", "items": item}})


def listed(answer: str) -> Listed | None:
    """Return the list in an answer, None where there is none or several in one object."""
    said = answer.rpartition(THOUGHT_END)[2]
    begin = _BEGIN.search(said)
    if begin is None or said.lstrip().startswith(_THOUGHT):
        return None
    if begin[0] == "[":
        return _list(said, begin.end())[0]
    lists = list(_lists(said, begin.end()))
    return lists[0] if len(lists) == 1 else None


def _lists(said: str, place: int) -> Iterator[Listed]:
    """Yield the lists among the values of an object, from behind its brace on, until it breaks."""
    while key := _value(said, _behind_space(said, place)):
        colon = _behind_space(said, key[1])
        place = _behind_space(said, colon + 1)
        if not said.startswith(":", colon):
            return
        if said.startswith("[", place):
            found, place = _list(said, place + 1)
            yield found
        elif value := _value(said, place):
            place = value[1]
        else:
            return
        place = _behind_space(said, place) + 1
        if not said.startswith(",", place - 1):
            return


def _list(said: str, place: int) -> tuple[Listed, int]:
    """Return a list from behind its bracket on, and the place behind all that was read."""
    items: list[object] = []
    while True:
        place = _behind_space(said, place)
        if said.startswith("]", place):
            return Listed((*items,), is_whole=True), place + 1
        value = _value(said, place)
        if value is None:
            return Listed((*items,), is_whole=False), len(said)
        items.append(value[0])
        place = _behind_space(said, value[1])
        if said.startswith(",", place):
            place += 1
        elif not said.startswith("]", place):
            return Listed((*items,), is_whole=False), len(said)


def _value(said: str, place: int) -> tuple[object, int] | None:
    """Return the JSON value at a place and the place behind it, None where there is none."""
    try:
        return _DECODER.raw_decode(said, place)
    except (ValueError, RecursionError):
        return None


def _behind_space(said: str, place: int) -> int:
    space = _SPACE.match(said, place)
    return space.end() if space else place


def _placed(items: Sequence[object], reading: Reading) -> Iterator[Span | Lost]:
    """Yield where each item stands, or why it stands nowhere."""
    window = _window(reading)
    taken: set[Span] = set()
    behind = 0
    for item in items:
        where = _where(item, reading.types, window, taken, behind)
        if isinstance(where, Span):
            taken.add(where)
            behind = where.start
        yield where


def _where(
    item: object, types: Sequence[str], window: _Window, taken: set[Span], behind: int
) -> Span | Lost:
    named = _string(item, "type").strip().casefold()
    type_ = next((one for one in types if one.casefold() == named), None)
    if type_ is None:
        return "unknown_type"
    letters = "".join(folded(_string(item, "text")).split())
    if not letters:
        return "no_text"
    spans = [Span(*place, type_) for place in window.places(letters)]
    if not spans:
        return "not_in_text"
    free = [span for span in spans if span not in taken]
    if not free:
        return "repeated"
    return next((span for span in free if span.start >= behind), free[0])


def _string(item: object, key: str) -> str:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) else ""


def _window(reading: Reading) -> _Window:
    start, end = reading.offsets[0][0], reading.offsets[-1][1]
    text = folded(reading.tokens.text[start:end])
    inside = [index for index, letter in enumerate(text) if not letter.isspace()]
    edges = [edge for word in reading.words if (edge := inked(reading, *word))]
    return _Window(
        "".join(text[index] for index in inside),
        [start + index for index in inside],
        frozenset(first for first, _ in edges),
        frozenset(last for _, last in edges),
    )


def _closed(properties: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }
