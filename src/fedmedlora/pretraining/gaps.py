"""Reading both ways: words are hidden, and told from what stands on both sides of them.

    seen     He had _ _ for two days.       hidden tokens read as padding, which no text holds
    learnt          chest pain              a token is told at the one before it, as in reading

A tagger looks both ways at a base that has learnt to look back only; this is where it gets to know
the other side.

Source: masked next token prediction, BehnamGhader et al., LLM2Vec (arXiv 2404.05961), section 2.1;
words hidden whole, as in the later release of BERT (arXiv 1810.04805).
"""

import numpy as np
from numpy.typing import NDArray

from fedmedlora.pretraining.exercises import word_ranges

PIECE = 128
"""Tokens that are read at once: a few sentences, as in the windows of a note."""

_SHARE = 0.2


def hidden_words(
    ids: NDArray[np.int64], texts: list[str], num_special: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which tokens of a piece are hidden, (tokens,): one word in five, whole.

    Args:
        ids: Token ids, (tokens,).
        texts: Each of these tokens' characters.
        num_special: Ids below it are never hidden.
        rng: Draws the words.
    """
    hidden = np.zeros(len(ids), dtype=bool)
    words = word_ranges(texts)
    for (first, last), draw in zip(words, rng.random(len(words)), strict=True):
        hidden[first:last] = draw < _SHARE
    # Before the first token stands none to tell it at.
    hidden[0] = False
    return hidden & (ids >= num_special)
