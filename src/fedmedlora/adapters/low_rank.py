"""Changes of weight matrices as products of factors, without ever building the matrices.

An adapter changes the weight of a layer, (out, in), by s B A, A (rank, in) and B (out, rank). Below
s is left out: whoever applies a change knows it, and all factors here are meant in one adapter's.
All is computed in float64.

    [B_1 ... B_K] [A_1; ...; A_K]  =  B_1 A_1 + ... + B_K A_K

and with B = Q_b R_b, A^T = Q_a R_a and R_b R_a^T = U S V^T the best change of rank r is
(Q_b U_r S_r) (V_r^T Q_a^T), for it keeps the r largest singular values.

Source: Eckart and Young 1936, The approximation of one matrix by another of lower rank,
Psychometrika 1, 211-218.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from fedmedlora.adapters.weights import AdapterWeights, lora_factor

Floats = NDArray[np.float64]
FloatT = TypeVar("FloatT", bound=np.floating[Any])


@dataclass(frozen=True, slots=True)
class Factors:
    """A change B A of one weight matrix.

    Attributes:
        b: (out, rank).
        a: (rank, in).
    """

    b: Floats
    a: Floats

    def times(self, number: float) -> "Factors":
        """Return the change times a number."""
        return Factors(self.b * number, self.a)


def layers(adapter: AdapterWeights) -> Iterator[tuple[str, str]]:
    """Yield the names of A and of B of each layer."""
    for name in sorted(adapter):
        if lora_factor(name) == "A":
            yield name, name.replace(".lora_A.", ".lora_B.")


def factors(adapter: AdapterWeights, layer: tuple[str, str]) -> Factors:
    """Return an adapter's change of a layer."""
    a, b = layer
    return Factors(adapter[b].astype(np.float64), adapter[a].astype(np.float64))


def total(changes: Sequence[Factors]) -> Factors:
    """Return the sum of some changes of one matrix; its rank is the sum of theirs."""
    return Factors(
        np.concatenate([one.b for one in changes], axis=1),
        np.concatenate([one.a for one in changes], axis=0),
    )


def nearest(change: Factors, rank: int) -> Factors:
    """Return the change of a rank that is nearest, largest singular value first.

    Its A has orthonormal rows; where the change has a smaller rank, zeros fill up.
    """
    # How many threads there are would show in the last bits.
    with threadpool_limits(1, user_api="blas"):
        q_b, r_b = np.linalg.qr(change.b)
        q_a, r_a = np.linalg.qr(change.a.T)
        u, s, v = np.linalg.svd(r_b @ r_a.T, full_matrices=False)
        kept = min(rank, len(s))
        b, a = (q_b @ u[:, :kept]) * s[:kept], v[:kept] @ q_a.T
    zeros = rank - kept
    return Factors(np.pad(b, ((0, 0), (0, zeros))), np.pad(a, ((0, zeros), (0, 0))))


def sum_of_squares(change: Factors) -> float:
    """Return the squared Frobenius norm of a change: the sum over (B^T B) * (A A^T)."""
    with threadpool_limits(1, user_api="blas"):
        return float(((change.b.T @ change.b) * (change.a @ change.a.T)).sum())


def narrow(adapter: AdapterWeights, rank: int | None) -> AdapterWeights:
    """Return an adapter with the first rows of A and columns of B alone, all where None is said."""
    return {name: _narrowed(name, adapter[name], rank) for name in adapter}


def widen(adapter: AdapterWeights, like: AdapterWeights) -> AdapterWeights:
    """Return an adapter with zeros after its rows of A and columns of B, as wide as another."""
    return {name: widened(name, adapter[name], like[name].shape) for name in adapter}


def widened(name: str, tensor: NDArray[FloatT], shape: Sequence[int]) -> NDArray[FloatT]:
    """Return a tensor of that name with zeros after its values, up to a shape."""
    if tensor.shape == tuple(shape):
        return tensor
    missing = [(0, wide - own) for own, wide in zip(tensor.shape, shape, strict=True)]
    return np.pad(tensor, missing) if lora_factor(name) else tensor


def _narrowed(name: str, tensor: NDArray[FloatT], rank: int | None) -> NDArray[FloatT]:
    factor = lora_factor(name)
    if factor is None:
        return tensor
    return tensor[:rank] if factor == "A" else tensor[:, :rank]
