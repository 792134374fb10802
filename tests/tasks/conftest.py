"""A tokenizer small enough to count on one's fingers."""

import re
from collections.abc import Sequence

import pytest

from fedmedlora.tasks.task import Tokenizer, Tokens

KNOWN = {"[": 3, "]": 4, "problem": 5, "drug": 6, "treatment": 7, "test": 8}


class Words:
    """Cuts text into words, marks and stretches of white space that hold a line break.

    Ids are `KNOWN`, or 100 and the length of the token. As from a real tokenizer, white space at
    a token's ends is not part of its offsets.
    """

    prefix: tuple[int, ...] = (1,)
    suffix: tuple[int, ...] = (2,)

    def tokenize(self, text: str) -> Tokens:
        found = list(re.finditer(r"\w+|[^\w\s]|[^\S\n]*\n\s*", text))
        return Tokens(
            text,
            tuple(KNOWN.get(token[0], 100 + len(token[0])) for token in found),
            tuple(
                token.span() if token[0].strip() else (token.end(), token.end()) for token in found
            ),
        )

    def text(self, ids: Sequence[int]) -> str:
        return " ".join(map(str, ids))


@pytest.fixture(scope="session")
def words() -> Tokenizer:
    return Words()
