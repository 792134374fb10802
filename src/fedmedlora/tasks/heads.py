"""How a reading is laid out as ids: the window's own, with the head marked among them.

A head stands in brackets with its type in front, `[drug beta block]`: tokens every pretrained
vocabulary knows.
"""

from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.tasks.reading import Reading, covered_tokens, inked
from fedmedlora.tasks.task import Tokenizer

Ids = tuple[int, ...]


def head_marks(tokenizer: Tokenizer, type_: str) -> tuple[Ids, Ids]:
    """Return the ids that stand before and after a head of a type."""
    return tokenizer.tokenize(f"[{type_}").ids, tokenizer.tokenize("]").ids


def num_head_marks(tokenizer: Tokenizer) -> int:
    """Return how many tokens marking a head can add at most."""
    return max(sum(map(len, head_marks(tokenizer, type_))) for type_ in MAIN_TYPES)


def laid_out(reading: Reading, tokenizer: Tokenizer) -> tuple[Ids, list[int]]:
    """Return the ids of a reading and, for each token of its window, its place among them."""
    ids: list[int] = []
    positions: list[int] = []
    head = covered_tokens(reading, reading.head) if reading.head else None
    before, after = head_marks(tokenizer, reading.head.type) if reading.head else ((), ())
    for index, id_ in enumerate(reading.tokens.ids[reading.first : reading.last]):
        if head and index == head[0]:
            ids += before
        positions.append(len(ids))
        ids.append(id_)
        if head and index + 1 == head[1]:
            ids += after
    return tuple(ids), positions


def laid_out_text(reading: Reading, first: int) -> tuple[str, list[int]]:
    """Return the text of a reading from one of its tokens on, with the head marked.

    Args:
        reading: The window and its head.
        first: The token, counted from the window's first; one past the last is its end.

    Returns:
        The text, and the place in the note of each of its characters and of its end; brackets have
        the place of what follows them.
    """
    own = reading.offsets
    end = own[-1][1]
    place = own[first][0] if first < len(own) else end
    head = reading.head
    covered = covered_tokens(reading, head) if head else None
    around = inked(reading, *covered) if covered else None
    marks = [(around[0], f"[{head.type} "), (around[1], "]")] if head and around else []
    text, places = "", []
    for until, mark in (*((at, mark) for at, mark in marks if at >= place), (end, "")):
        text += reading.tokens.text[place:until] + mark
        places += [*range(place, until), *[until] * len(mark)]
        place = until
    return text, [*places, end]
