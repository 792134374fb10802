"""How far a site's text is from that of the other sites.

    D_k = JS(P_k, Q_k) = ½ KL(P_k ‖ M) + ½ KL(Q_k ‖ M),   M = ½ (P_k + Q_k)

P_k is the distribution of site k's tokens over a vocabulary of frequent tokens plus one bucket for
the rest, Q_k that of all tokens of the other sites together. Logarithms are of base 2, so that D is
0 for equal distributions and 1 for disjoint ones. Label types are not looked at: a site that
annotates less is not a shifted population.

Source: Lin 1991, Divergence measures based on the Shannon entropy, IEEE Transactions on
Information Theory 37(1), 145-151.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fedmedlora.errors import AggregationError


def most_frequent(ids: Iterable[int], size: int = 1000) -> tuple[int, ...]:
    """Return the token ids that occur most often, most frequent first, ties by id."""
    counts = Counter(ids)
    ordered = sorted(counts, key=lambda token: (-counts[token], token))
    return tuple(ordered[:size])


def count_tokens(ids: Iterable[int], vocabulary: Sequence[int]) -> NDArray[np.int64]:
    """Return how often each token of a vocabulary occurs, (vocabulary + 1,); the last is the rest.

    Raises:
        ValueError: A token stands twice in the vocabulary.
    """
    if len(set(vocabulary)) != len(vocabulary):
        raise ValueError("vocabulary: found a token twice, expected each once")
    counts = Counter(ids)
    known = [counts[token] for token in vocabulary]
    return np.array([*known, counts.total() - sum(known)], dtype=np.int64)


def token_shift(counts: Mapping[str, NDArray[np.int64]]) -> dict[str, float]:
    """Return each site's Jensen-Shannon divergence from all other sites together, 0 to 1.

    A site that is alone has nobody to differ from: 0.

    Args:
        counts: Site to its token counts, (vocabulary + 1,).

    Raises:
        AggregationError: A site counted no token, or over another vocabulary.
    """
    for site in sorted(counts):
        _require_counts(site, counts[site], len(counts[min(counts)]))
    if len(counts) == 1:
        return dict.fromkeys(counts, 0.0)
    total = sum(counts[site] for site in counts)
    return {site: _divergence(counts[site], total - counts[site]) for site in sorted(counts)}


def _divergence(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    p, q = one / one.sum(), other / other.sum()
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    # Rounding leaves equal distributions a hair below 0 and disjoint ones a hair above 1.
    return min(1.0, max(0.0, divergence))


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    seen = p > 0
    return float(np.sum(p[seen] * np.log2(p[seen] / q[seen])))


def _require_counts(site: str, counts: NDArray[np.int64], length: int) -> None:
    if counts.shape != (length,):
        raise AggregationError(
            f"token counts of {site}: found shape {counts.shape}, expected ({length},); "
            "all sites must count over the same vocabulary"
        )
    if (counts < 0).any() or counts.sum() <= 0:
        raise AggregationError(f"token counts of {site}: found no token, expected at least one")
