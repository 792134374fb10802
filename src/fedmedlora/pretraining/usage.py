"""How words or tokens are used, as rows of numbers: those used alike have rows of like direction.

Two words are used alike where the same words stand around them. The row of a word w has positive
pointwise mutual information with the words c at distance -2, -1, 1 and 2,

    ppmi(w, c) = max(0, log p(w, c) - log p(w) - log p(c)),

and is narrowed by a truncated singular value decomposition.

Source: Levy and Goldberg 2014, Neural Word Embedding as Implicit Matrix Factorization (section
5.1, with the square root of the singular values).
"""

import numpy as np
import torch
from numpy.typing import NDArray

_DISTANCES = (-2, -1, 1, 2)
_NUM_CONTEXTS = 3_000


def usage(ids: NDArray[np.integer], number: int, *, width: int, seed: int) -> torch.Tensor:
    """Return a row of length 1 for each word, (number, width).

    Args:
        ids: The text, as the numbers of its words; -1 where something unknown or nothing stands.
        number: How many words there are.
        width: Numbers in a row; where it is more than there is to know, the last are 0.
        seed: Of the decomposition.
    """
    information = pointwise_information(torch.from_numpy(_neighbours(ids, number)))
    torch.manual_seed(seed)
    kept = min(width, *information.shape)
    left, values, _ = torch.svd_lowrank(information, q=kept, niter=4)
    rows = torch.nn.functional.normalize(left * values.sqrt())
    return torch.nn.functional.pad(rows, (0, width - kept))


def pointwise_information(counts: torch.Tensor) -> torch.Tensor:
    """Return positive pointwise mutual information in nats, (words, contexts), from counts."""
    per_word, per_context = counts.sum(1, keepdim=True), counts.sum(0, keepdim=True)
    ratio = counts * counts.sum() / (per_word * per_context)
    return torch.log(ratio).nan_to_num(nan=0.0, neginf=0.0).clamp(min=0)


def _neighbours(ids: NDArray[np.integer], number: int) -> NDArray[np.float32]:
    """Return how often each word stands at each distance from each frequent one, side by side."""
    frequencies = np.bincount(ids[ids >= 0], minlength=number)
    frequent = np.argsort(-frequencies, kind="stable")[:_NUM_CONTEXTS]
    # One place more, for what is unknown or not frequent: -1 points to it.
    column = np.full(number + 1, -1, np.int64)
    column[frequent] = np.arange(len(frequent))
    tables = []
    for distance in _DISTANCES:
        near, far = ids[: -abs(distance)], ids[abs(distance) :]
        word, context = (near, far) if distance > 0 else (far, near)
        contexts = column[context]
        known = (word >= 0) & (contexts >= 0)
        flat = word[known].astype(np.int64) * len(frequent) + contexts[known]
        counts = np.bincount(flat, minlength=number * len(frequent)).astype(np.float32)
        tables.append(counts.reshape(number, -1))
    return np.concatenate(tables, axis=1)
