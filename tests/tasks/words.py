"""A tokenizer that a reader can follow: one id a word, sign or mark."""

import re
from collections.abc import Sequence

from fedmedlora.tasks.marks import PARTS as MARKS
from fedmedlora.tasks.task import Tokens

ITEMS = ('{"type": "', '", "text": "', '"}')
_PIECE = re.compile(
    "|".join(re.escape(part) for part in (*MARKS, *ITEMS)) + r"|</think>|\n|[A-Za-z_]+|[^\sA-Za-z_]"
)


class Words:
    """Gives a piece the next free id, from 10; `said` turns ids back into pieces."""

    prefix: tuple[int, ...] = (1,)
    suffix: tuple[int, ...] = ()

    def __init__(self) -> None:
        self._ids: dict[str, int] = {"</s>": 2}

    def tokenize(self, text: str) -> Tokens:
        found = list(_PIECE.finditer(text))
        ids = tuple(self._ids.setdefault(one[0], 10 + len(self._ids)) for one in found)
        return Tokens(text, ids, tuple(one.span() for one in found))

    def said(self, ids: tuple[int, ...]) -> str:
        pieces = {id_: piece for piece, id_ in self._ids.items()}
        return " ".join(pieces[id_] for id_ in ids)

    def text(self, ids: Sequence[int]) -> str:
        known = set(self._ids.values())
        return self.said(tuple(id_ for id_ in ids if id_ in known))
