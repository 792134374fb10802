"""An adapter as named float32 arrays, and the arithmetic of such adapters.

Names are those of PEFT's own safetensors files: a layer's factors end in `lora_A.weight`,
(rank, in), and `lora_B.weight`, (out, rank); other tensors, as a classifier, keep their own name.
A mapping may be lazy: everything here reads one tensor at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fedmedlora.errors import Fault

AdapterWeights = Mapping[str, NDArray[np.float32]]
"""The tensors of an adapter by name."""

_NAMES_SHOWN = 3


def add(left: AdapterWeights, right: AdapterWeights) -> AdapterWeights:
    """Return `left + right`, tensor by tensor.

    Raises:
        ValueError: The adapters differ in names or shapes.
    """
    return _combined(left, right, np.add)


def moved(start: AdapterWeights, delta: AdapterWeights) -> AdapterWeights:
    """Return what holds an adapter with some of its tensors changed, the others as they are.

    Raises:
        ValueError: A tensor that is to be changed is not there, or of another shape.
    """
    return {**start, **add({name: start[name] for name in delta if name in start}, delta)}


def subtract(left: AdapterWeights, right: AdapterWeights) -> AdapterWeights:
    """Return `left - right`, tensor by tensor; a delta is local minus global.

    Raises:
        ValueError: The adapters differ in names or shapes.
    """
    return _combined(left, right, np.subtract)


def num_parameters(weights: AdapterWeights) -> int:
    """Return how many values an adapter holds."""
    return sum(weights[name].size for name in weights)


def names_fault(found: AdapterWeights, expected: AdapterWeights) -> Fault | None:
    """Return what is wrong with the names of an adapter, or None if they are as expected."""
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    if not missing and not extra:
        return None
    return Fault(
        where="adapter parameters",
        found=f"{len(found)} with {_listed('missing', missing)} and {_listed('extra', extra)}",
        expected=f"the {len(expected)} of the global adapter",
        advice="all sites must train the same base model with the same target modules",
    )


def shape_fault(name: str, found: Sequence[int], expected: Sequence[int]) -> Fault | None:
    """Return what is wrong with the shape of a tensor, or None if it is as expected."""
    if tuple(found) == tuple(expected):
        return None
    return Fault(
        where=f"adapter parameter {name!r}",
        found=str(tuple(found)),
        expected=str(tuple(expected)),
        advice="all sites must train the same base model with the same rank and target modules",
    )


def lora_factor(name: str) -> Literal["A", "B"] | None:
    """Return which factor of LoRA a tensor is, or None for any other tensor."""
    if ".lora_A." in name:
        return "A"
    return "B" if ".lora_B." in name else None


def lora_rank(name: str, shape: Sequence[int]) -> int | None:
    """Return the rank of a LoRA factor, or None for any other tensor.

    The axis follows from the name: a layer as wide as the rank makes the shape ambiguous.
    """
    axis = _rank_axis(name)
    return None if axis is None or len(shape) <= axis else shape[axis]


def differs_in_rank_only(name: str, found: Sequence[int], expected: Sequence[int]) -> bool:
    """Return whether two shapes of a LoRA factor are equal but for their rank."""
    axis = _rank_axis(name)
    if axis is None or len(found) != len(expected) or len(found) <= axis:
        return False
    differing = [
        i for i, pair in enumerate(zip(found, expected, strict=True)) if len(set(pair)) > 1
    ]
    return differing == [axis]


def _rank_axis(name: str) -> int | None:
    factor = lora_factor(name)
    return None if factor is None else "AB".index(factor)


def _listed(word: str, names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_NAMES_SHOWN])
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return f"{len(names)} {word} ({shown}{more})" if names else f"0 {word}"


def _combined(
    left: AdapterWeights,
    right: AdapterWeights,
    operation: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]],
) -> AdapterWeights:
    if fault := names_fault(left, right):
        raise ValueError(str(fault))
    result: dict[str, NDArray[np.float32]] = {}
    for name in sorted(left):
        one, other = left[name], right[name]
        # Without this, numpy would broadcast (1, 4) against (3, 4) in silence.
        if fault := shape_fault(name, one.shape, other.shape):
            raise ValueError(str(fault))
        result[name] = operation(one, other)
    return result
