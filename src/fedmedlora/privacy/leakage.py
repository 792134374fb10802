"""How much of its notes an update gives away: membership, exposure and token recall as numbers.

    membership   s(note) = L_start(note) - L(note), losses in nats per label token: how much more a
                 model expects a note than the model that training began with did
        AUC      P[s(member) > s(other)] + P[s(member) = s(other)] / 2;  0.5 is a guess
        TPR      at a false positive rate f: the share of members above the floor(f n) + 1st largest
                 score of the n others, so that no more than a share f of these is called a member
    exposure     log2 |R| - log2 rank(secret), in bits, with R the secret and its candidates and
                 the least loss at rank 1; those that tie with it count half.  A guess has
                 1 / ln 2 = 1.44 bits on average where R is large
    tokens       z_v = sqrt(sum_l |dA_l (C + r I)^(-1/2) (x_v - m)|^2): by how much an update moves
                 what token v gives the layers l that read embeddings; x_v is what they read of
                 it, m and C the mean and covariance of x over the vocabulary, r a thousandth of
                 the mean variance. The gradient of A_l is a sum of terms g x_v^T over the tokens
                 of the notes, so that those stand out; without C the directions that all tokens
                 share would drown them
    recall       at k: the share of the tokens in use that are among the k ranked first; k / V is a
                 guess, with V tokens to choose from

An interval runs from the 2.5th to the 97.5th percentile over replicates that draw as many members
and as many others as there are, each with replacement.

These are what simple attacks reach, so they are lower bounds: that an attack fails proves nothing.
Attacks that invert gradients get whole texts out of some adapters (arXiv 2601.17533, 2606.18312);
the ranking of tokens is ours, and much weaker.

Source: membership by loss, Yeom et al. 2018 (arXiv 1709.01604), section 3.1; calibrated by a second
model, and TPR where few are wrongly accused, Carlini et al. 2022 (arXiv 2112.03570), sections 3
and 5; exposure, Carlini et al. 2019 (arXiv 1802.08232), definition 3.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats, Floats], float]
"""A figure of the scores of members and of others."""

_PERCENTILES = (2.5, 97.5)
_FALSE_POSITIVES = 0.01
_RIDGE = 1e-3


def auc(members: Floats, others: Floats) -> float:
    """Return how often a member scores above another note, ties counting half.

    Args:
        members: (members,), at least one.
        others: (others,), at least one.
    """
    ordered = np.sort(others)
    below = np.searchsorted(ordered, members, side="left")
    not_above = np.searchsorted(ordered, members, side="right")
    return float((below + not_above).sum() / (2 * members.size * others.size))


def true_positive_rate(
    members: Floats, others: Floats, *, false_positives: float = _FALSE_POSITIVES
) -> float:
    """Return the share of members found where so few others are wrongly accused.

    Args:
        members: (members,), at least one.
        others: (others,), at least one.
        false_positives: The share of others that may be accused, below 1.
    """
    accused = math.floor(false_positives * others.size)
    threshold = np.sort(others)[::-1][accused]
    return float((members > threshold).mean())


def interval(
    statistic: Statistic, members: Floats, others: Floats, *, replicates: int, seed: int
) -> tuple[float, float]:
    """Return the ends of a statistic's interval over drawn members and others."""
    rng = np.random.default_rng(seed)
    figures = [
        statistic(rng.choice(members, members.size), rng.choice(others, others.size))
        for _ in range(replicates)
    ]
    low, high = np.percentile(figures, _PERCENTILES)
    return float(low), float(high)


def exposure(secret: float, candidates: Floats) -> float:
    """Return the bits that a model gives away of a secret.

    Args:
        secret: Its loss.
        candidates: (candidates,), the losses of others that it could have been.
    """
    rank = 1 + float((candidates < secret).sum()) + float((candidates == secret).sum()) / 2
    return math.log2(candidates.size + 1) - math.log2(rank)


def recall_at(scores: Floats, in_use: NDArray[np.bool_], k: int) -> float:
    """Return the share of the tokens in use among the k of the highest scores.

    Args:
        scores: (tokens,); of those that tie the first come first.
        in_use: (tokens,), at least one of them true.
        k: How many are named.
    """
    named = np.argsort(-scores, kind="stable")[:k]
    return float(in_use[named].sum() / in_use.sum())


def standing_out(changes: Sequence[Floats], inputs: Floats) -> Floats:
    """Return how much an update moves what each token gives the layers that read it first.

    Args:
        changes: Of each such layer the change of its factor A, (rank, in).
        inputs: What each token gives them, (tokens, in).
    """
    centred = inputs - inputs.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    ridge = _RIDGE * np.trace(covariance) / len(covariance)
    variances, directions = np.linalg.eigh(covariance + ridge * np.eye(len(covariance)))
    even = centred @ (directions / np.sqrt(variances)) @ directions.T
    squares = [((even @ change.T) ** 2).sum(axis=1) for change in changes]
    lengths: Floats = np.sqrt(np.sum(squares, axis=0))
    return lengths
