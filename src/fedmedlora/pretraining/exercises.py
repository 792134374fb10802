"""What the bundled base practises beside reading: copying, and marking what is written out for it.

No task's prompt is ever shown. Headings and class names are invented anew for every exercise, spans
are drawn at random, and what is to be marked is written out in front:

    plomer:
    vask = chest pain; dool = two days
    grun:
    He had chest pain for two days.
    trelkin:
    He had <span class="vask">chest pain</span> for <span class="dool">two days</span>.

A text is cut into tokens once: marks go between its own tokens, and what is written out in front
is its own tokens too, as in the task that comes later. Headings and announcements cannot be
foreseen, so the loss does not look at them; nor at a text of random tokens before it is copied.

Source: heads that look back for the same token and copy what followed it, Olsson et al. 2022,
In-context Learning and Induction Heads (arXiv 2209.11895).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fedmedlora.tasks.marks import CLOSE, opening

_ONSETS = ("b", "br", "f", "g", "gl", "k", "kl", "l", "pl", "r", "sk", "spr", "v", "vr", "z")
_RIMES = ("ab", "ack", "ant", "elk", "em", "ilm", "ind", "isk", "olm", "omp", "ond", "ool", "orn")
_ENDINGS = ("", "", "er", "in", "ow", "ul")
_MOST_NAMES = 3
_MOST_SPANS = 5
_MOST_SPAN_TOKENS = 8

Encode = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Exercise:
    """Token ids, and for each whether the loss looks at it."""

    ids: tuple[int, ...]
    is_learnt: tuple[bool, ...]


def copying(
    text: Sequence[int],
    encode: Encode,
    *,
    end_id: int,
    is_language: bool,
    rng: np.random.Generator,
) -> Exercise:
    """Return an exercise that asks for a text's tokens again.

    Args:
        text: Token ids, of real text or drawn at random.
        encode: Cuts a heading into token ids.
        end_id: Says that the answer is whole.
        is_language: Whether the text is real, so that reading it is worth learning.
    """
    return joined(
        (heading(encode, rng), False),
        (text, is_language),
        (heading(encode, rng, "\n"), False),
        ((*text, end_id), True),
    )


def marking(
    text: Sequence[int],
    words: Sequence[tuple[int, int]],
    encode: Encode,
    *,
    end_id: int,
    rng: np.random.Generator,
) -> Exercise:
    """Return an exercise that asks for a text's tokens with the announced spans marked.

    Args:
        text: Token ids.
        words: First and past-the-last token of each word; spans begin and end with words.
        encode: Cuts headings, names and marks into token ids.
        end_id: Says that the answer is whole.
    """
    names = [invented_word(rng) for _ in range(rng.integers(1, _MOST_NAMES + 1))]
    spans = [(first, last, str(rng.choice(names))) for first, last in _spans(words, rng)]
    announced: list[int] = []
    for number in rng.permutation(len(spans)):
        first, last, name = spans[number]
        announced += [*encode(f"{'; ' if announced else ''}{name} = "), *text[first:last]]
    return joined(
        ((*heading(encode, rng), *announced, *heading(encode, rng, "\n")), False),
        (text, True),
        (heading(encode, rng, "\n"), False),
        ((*marked(text, spans, encode), end_id), True),
    )


def answer_length(exercise: Exercise) -> int:
    """Return how many ids stand behind the last heading."""
    return next(number for number, known in enumerate(reversed(exercise.is_learnt)) if not known)


def invented_word(rng: np.random.Generator) -> str:
    """Return a word of one or two syllables that means nothing."""
    return "".join(str(rng.choice(parts)) for parts in (_ONSETS, _RIMES, _ENDINGS))


def joined(*parts: tuple[Iterable[int], bool]) -> Exercise:
    """Return parts, each learnt or not, as one exercise."""
    pairs = [(id_, learnt) for ids, learnt in parts for id_ in ids]
    return Exercise(tuple(id_ for id_, _ in pairs), tuple(learnt for _, learnt in pairs))


def heading(encode: Encode, rng: np.random.Generator, before: str = "") -> Sequence[int]:
    """Return the ids of a heading that cannot be foreseen."""
    return encode(f"{before}{invented_word(rng)}:\n")


def word_ranges(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Return the tokens of each word, as (first, past the last); other signs stand alone.

    A word begins with a token whose first character, or before which the last character, is
    neither letter nor digit.
    """
    starts = [
        i
        for i, token in enumerate(tokens)
        if i == 0 or not (token[0].isalnum() and tokens[i - 1][-1].isalnum())
    ]
    return list(zip(starts, [*starts[1:], len(tokens)], strict=True))


def marked(text: Sequence[int], spans: Sequence[tuple[int, int, str]], encode: Encode) -> list[int]:
    """Return a text's ids with marks around spans, which stand in order and do not overlap.

    Args:
        text: Token ids.
        spans: First and past-the-last token of each, and its class.
        encode: Cuts marks into token ids.
    """
    ids: list[int] = []
    place = 0
    for first, last, name in spans:
        ids += [*text[place:first], *encode(opening(name)), *text[first:last], *encode(CLOSE)]
        place = last
    return ids + list(text[place:])


def _spans(words: Sequence[tuple[int, int]], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return token ranges that begin and end with words and do not overlap, in order."""
    spans: list[tuple[int, int]] = []
    for start in sorted(rng.integers(0, len(words), rng.integers(0, _MOST_SPANS + 1))):
        stop = min(start + int(rng.integers(1, 4)), len(words))
        first, last = words[start][0], words[stop - 1][1]
        free = not spans or first >= spans[-1][1]
        if free and last - first <= _MOST_SPAN_TOKENS:
            spans.append((first, last))
    return spans
