"""Marked text as a model wrote it without being held: whatever it says, all it announced counts.

What comes before the last `</think>` is dropped. In the rest every `<span class="type">` announces
an entity, `</span>` ends the innermost open one, and one that ends none is passed over. A mark
that the window holds itself is text where the answer has come to it. White space and the case of
letters count nowhere.

The answer is walked word by word (letters, digits or one sign) beside the window:

1. A word that the window goes on with stands there.
2. Where they part, a word stands at the next place where the window has it and the two words
   behind it (fewer at the answer's end), or else at the first such place in the window. Where there
   is none it stands nowhere.
3. An entity reaches from where its first word stands to where its last one does, if that is about
   as long as what was marked.
4. If not, it stands where the window has just its words: at the next place behind what came before
   it, or else at the first one in the window.
5. One that is never closed ends with the window, if the answer does and no mark follows.

So a word that is dropped, added or changed costs little more than itself, and a text that comes
twice, or in another order, is read like any other. Twice the answer takes twice the time.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from fedmedlora.tasks.findings import Found, Lost, Span, gathered

THOUGHT_END = "</think>"
_WORD = r"[^\W\d_]+|\d+|\S"
_WORDS = re.compile(_WORD)
_PIECES = re.compile(rf"<\s*span\b[^<>]*>|<\s*/\s*span\s*>|(?P<word>{_WORD})")
_TYPE = re.compile(r"class\s*=\W*([\w-]+)")
_PHRASE = 3
_SLACK = 24
"""Letters by which a stretch of the window may be longer or shorter than what was marked."""

_Stretch = tuple[int, int]
"""Letters of the window, end exclusive."""


@dataclass(frozen=True, slots=True)
class _Window:
    """What was to be written again, as letters: without white space, without case.

    Attributes:
        letters: All of them.
        characters: The place of each in the text.
        phrases: Where each one, two or three words in a row begin, by letter.
    """

    letters: str
    characters: Sequence[int]
    phrases: Mapping[str, Sequence[int]]

    def place(self, phrase: str, behind: int) -> int | None:
        """Return where a phrase begins: at the next letter from one on, else at the first."""
        places = self.phrases.get(phrase)
        if places is None:
            return None
        ahead = bisect_left(places, behind)
        return places[ahead] if ahead < len(places) else places[0]


@dataclass(slots=True)
class _Entity:
    """An announced entity.

    Attributes:
        type: None where it was not asked for.
        first: Its first word, by number.
        last: One past its last word; None while it is open.
    """

    type: str | None
    first: int
    last: int | None = None


@dataclass(slots=True)
class _Walk:
    """An answer as far as it was walked.

    Attributes:
        words: Those that were read.
        stretches: Where each of them stands; None where it stands nowhere.
        entities: Those that were announced.
        open: Those of them that are not closed.
        next: The letter of the window behind the last word that stands somewhere.
    """

    words: list[str] = field(default_factory=list)
    stretches: list[_Stretch | None] = field(default_factory=list)
    entities: list[_Entity] = field(default_factory=list)
    open: list[_Entity] = field(default_factory=list)
    next: int = 0

    @property
    def is_in_step(self) -> bool:
        """Return whether the last word stands somewhere."""
        return not self.stretches or self.stretches[-1] is not None

    def read(self, word: str, place: int | None) -> None:
        """Take a word that stands at a place of the window, or nowhere."""
        self.words.append(word)
        self.stretches.append(None if place is None else (place, place + len(word)))
        self.next = self.next if place is None else place + len(word)

    def announce(self, type_: str | None) -> None:
        """Open an entity."""
        self.entities.append(_Entity(type_, len(self.words)))
        self.open.append(self.entities[-1])

    def close(self) -> None:
        """Close the innermost entity, if one is open."""
        if self.open:
            self.open.pop().last = len(self.words)

    def close_last(self) -> None:
        """Close what was opened behind every other mark."""
        if self.open and self.open[-1] is self.entities[-1]:
            self.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that was walked to its end; words are given by number.

    Attributes:
        letters: Those of its words, one after another.
        starts: The letter at which each word begins, and behind them the end.
        stretches: Where each word stands; None where it stands nowhere.
    """

    letters: str
    starts: Sequence[int]
    stretches: list[_Stretch | None]

    def end(self, words: range) -> int | None:
        """Return where in the window the last of some words ends that stands there."""
        stretches = (self.stretches[word] for word in reversed(words))
        return next((stretch[1] for stretch in stretches if stretch), None)

    def across(self, words: range) -> _Stretch | None:
        """Return what lies from the first word to the last, if that is about as long as they."""
        first, last = self.stretches[words[0]], self.stretches[words[-1]]
        if first is None or last is None or first[0] >= last[1]:
            return None
        more = last[1] - first[0] - (self.starts[words.stop] - self.starts[words.start])
        return (first[0], last[1]) if abs(more) <= _SLACK else None

    def elsewhere(self, words: range, window: _Window, behind: int) -> _Stretch | None:
        """Return where the window has just these words; there they stand from now on."""
        begin, end = self.starts[words.start], self.starts[words.stop]
        phrase = self.letters[begin : self.starts[min(words.start + _PHRASE, words.stop)]]
        place = window.place(phrase, behind)
        if place is None or not window.letters.startswith(self.letters[begin:end], place):
            return None
        for word in words:
            first, last = self.starts[word : word + 2]
            self.stretches[word] = (place + first - begin, place + last - begin)
        return place, place + end - begin


def read_marked(answer: str, text: str, types: Sequence[str]) -> Found:
    """Return what an answer announces, by characters of the text.

    Args:
        answer: What the model said, whatever it is.
        text: The window it was asked to write again.
        types: Those asked for.
    """
    window = _window(text)
    # A window may hold the word itself, and an answer that has no thoughts holds it as often.
    kept = 1 + text.count(THOUGHT_END)
    said = THOUGHT_END.join(answer.split(THOUGHT_END)[-kept:])
    return gathered(_placed(_walked(said, window, types), window))


def folded(text: str) -> str:
    """Return a text without case; each letter stays one, so that it keeps its place."""
    folded = {ord(letter): letter.casefold() for letter in set(text)}
    return text.translate({code: own for code, own in folded.items() if len(own) == 1})


def _window(text: str) -> _Window:
    found = list(_WORDS.finditer(folded(text)))
    words = [word[0] for word in found]
    phrases: dict[str, list[int]] = {}
    for index, place in enumerate(accumulate(map(len, words[:-1]), initial=0)):
        for last in range(index + 1, min(index + _PHRASE, len(words)) + 1):
            phrases.setdefault("".join(words[index:last]), []).append(place)
    return _Window("".join(words), [i for word in found for i in range(*word.span())], phrases)


def _walked(answer: str, window: _Window, types: Sequence[str]) -> _Walk:
    known = {type_.casefold(): type_ for type_ in types}
    walk = _Walk()
    for piece, phrase in _pieces(folded(answer)):
        letters = "".join(piece.split())
        if walk.is_in_step and window.letters.startswith(letters, walk.next):
            walk.read(letters, walk.next)
        elif phrase:
            walk.read(letters, window.place(phrase, walk.next))
        elif letters.startswith("</"):
            walk.close()
        else:
            named = _TYPE.search(piece)
            walk.announce(known.get(named[1]) if named else None)
    if walk.is_in_step and walk.next == len(window.letters):
        walk.close_last()
    return walk


def _pieces(answer: str) -> Iterator[tuple[str, str]]:
    """Yield each word with the phrase that begins with it, and each mark with none."""
    pieces = list(_PIECES.finditer(answer))
    words = [piece[0] for piece in pieces if piece["word"]]
    num_read = 0
    for piece in pieces:
        if piece["word"]:
            yield piece[0], "".join(words[num_read : num_read + _PHRASE])
            num_read += 1
        else:
            yield piece[0], ""


def _placed(walk: _Walk, window: _Window) -> Iterator[Span | Lost]:
    """Yield where each announced entity stands, or why it stands nowhere."""
    starts = [*accumulate(map(len, walk.words), initial=0)]
    answer = _Answer("".join(walk.words), starts, walk.stretches)
    behind, num_read = 0, 0
    for entity in walk.entities:
        end = answer.end(range(num_read, entity.first))
        behind, num_read = behind if end is None else end, entity.first
        yield _where(entity, answer, window, behind)


def _where(entity: _Entity, answer: _Answer, window: _Window, behind: int) -> Span | Lost:
    if entity.type is None:
        return "unknown_type"
    if entity.last is None:
        return "never_closed"
    words = range(entity.first, entity.last)
    if not words:
        return "no_text"
    stretch = answer.across(words) or answer.elsewhere(words, window, behind)
    if stretch is None:
        return "not_in_text"
    first, last = stretch
    return Span(window.characters[first], window.characters[last - 1] + 1, entity.type)
