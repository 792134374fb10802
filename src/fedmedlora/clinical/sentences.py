"""Where sentences lie in a note, and the token windows a model reads.

A sentence ends at a line break, and after `.`, `!` or `?` before white space and an upper-case
letter, a digit or a quote. In doubt it goes on: a window too long costs a little time, a window
cut inside a dosage loses a relation. Everything is linear in the length of the text.
"""

import re
from collections.abc import Iterator, Sequence

Offsets = Sequence[tuple[int, int]]

_WHITE_SPACE = re.compile(r"\s+")
_LINE_BREAK = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_MARKS = (".", "!", "?")
_QUOTES = "\"'\u2018\u201c\u00ab"
_OPENERS = _QUOTES + "(["
_CLOSERS = "\"'\u2019\u201d\u00bb)]"
_MARKS_OR_CLOSERS = frozenset("".join(_MARKS) + _CLOSERS)
_LONGEST_WORD = 24

# Units and words that are written with a dot, initials, and letters with dots between: q.d., p.o.
_ABBREVIATION = re.compile(
    r"""al|approx|avg|ca|cf|cm|dept|dl|dr|esp|est|etc|gms?|h/o|hx|inj|iu|kg|lbs?|max|mcg|meq|mg
    |min|ml|mm|mos|mrs?|ms|msec|prof|pts?|resp|rx|spp?|st|susp|tabs?|tbsp|temp|tsp|viz|vs|w/o|wt|yo
    |(?:[^\W\d_]\.)*[^\W\d_]""",
    re.VERBOSE | re.IGNORECASE,
)
_BEFORE_NUMBERS = re.compile(
    r"""\d+|app|ch|ed|eq|figs?|nos?|pp?|refs?|sec|tbl|vol
    |jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec""",
    re.VERBOSE | re.IGNORECASE,
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the sentences of a text in order, as characters, end exclusive.

    Together they cover every character that is not white space; none begins or ends with white
    space and none is empty.
    """
    spans = []
    start = 0
    for gap in _WHITE_SPACE.finditer(text):
        before, after = gap.span()
        if before == start:
            start = after
        elif (
            after == len(text)
            or _LINE_BREAK.search(gap[0])
            or _ends_sentence(text, start, before, after)
        ):
            spans.append((start, before))
            start = after
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def token_windows(text: str, offsets: Offsets, *, max_tokens: int) -> list[tuple[int, int]]:
    """Return the windows of a tokenised text in order, as token indices, last exclusive.

    One window a sentence; a longer one is cut evenly before tokens that begin a word. Only a word
    of more than `max_tokens` tokens is cut inside. Every token lies in exactly one window.

    Args:
        text: The text that the offsets count in.
        offsets: Characters of each token, end exclusive, in order; white space before a word may
            be a part of its token.
        max_tokens: The most tokens of one window.
    """
    if max_tokens < 1:
        raise ValueError(f"max_tokens is {max_tokens}, expected at least 1")
    return [
        window
        for first, last in _sentence_tokens(text, offsets)
        for window in _cut(text, offsets, first, last, max_tokens)
    ]


def _ends_sentence(text: str, start: int, before: int, after: int) -> bool:
    """Return whether the sentence begun at `start` ends at the white space [before, after)."""
    if text[before - 1] not in _MARKS_OR_CLOSERS:
        return False
    if after == len(text) or not _begins_sentence(text[after]):
        return False
    tail = text[max(start, before - _LONGEST_WORD) : before].rstrip(_CLOSERS)
    if not tail.endswith(_MARKS):
        return False
    words = tail.split()
    word = words[-1].lstrip(_OPENERS)
    return not _keeps_its_mark(word, is_first=len(words) == 1, follower=text[after])


def _begins_sentence(character: str) -> bool:
    return character.isupper() or character.isdigit() or character in _QUOTES


def _keeps_its_mark(word: str, *, is_first: bool, follower: str) -> bool:
    """Return whether the mark that a word ends with is its own and ends no sentence.

    Args:
        word: The word with its mark.
        is_first: Whether it is all of the sentence so far, as the number of a list item is.
        follower: The first character after the white space.
    """
    # Where a character was lost in conversion, "? 100" was once a comparison.
    if word == "?":
        return follower.isdigit()
    if not word.endswith("."):
        return False
    stem = word[:-1]
    if is_first and stem.isdigit():
        return True
    if _BEFORE_NUMBERS.fullmatch(stem):
        return follower.isdigit()
    return _ABBREVIATION.fullmatch(stem) is not None


def _sentence_tokens(text: str, offsets: Offsets) -> Iterator[tuple[int, int]]:
    """Yield the token range of each sentence that has tokens.

    A token belongs to the last sentence it reaches into; one of white space alone, to the
    sentence before it.
    """
    first = index = 0
    for start, _ in sentence_spans(text)[1:]:
        while index < len(offsets) and offsets[index][1] <= start:
            index += 1
        if index > first:
            yield first, index
            first = index
    if first < len(offsets):
        yield first, len(offsets)


def _cut(
    text: str, offsets: Offsets, first: int, last: int, max_tokens: int
) -> Iterator[tuple[int, int]]:
    """Yield windows of at most `max_tokens` tokens that together are [first, last)."""
    while last - first > max_tokens:
        num_windows = -(-(last - first) // max_tokens)
        even = first + -(-(last - first) // num_windows)
        furthest = first + max_tokens
        beginnings = [
            index for index in range(first + 1, furthest + 1) if _begins_word(text, *offsets[index])
        ]
        cut = min(beginnings, key=lambda index: abs(index - even), default=furthest)
        yield first, cut
        first = cut
    yield first, last


def _begins_word(text: str, start: int, end: int) -> bool:
    return start == 0 or text[start - 1].isspace() or text[start:end][:1].isspace()
