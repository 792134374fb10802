"""What steps of noise come to: epsilon at a delta, and back.

One step is the Gaussian mechanism on the sum of what each unit gives, C at most in L2, with noise
of standard deviation sigma C, over a sample in which each unit is with probability q on its own.
Neighbours differ by one unit, added or removed. Steps compose by their privacy loss distributions.

    P[M(D) in S]  <=  e^epsilon P[M(D') in S] + delta

Source: DP-SGD, Abadi et al. (arXiv 1607.00133), Algorithm 1; privacy loss distributions, Koskela
et al. (arXiv 1906.03049), and Doroshenko et al. (arXiv 2207.04380) as in dp-accounting.
"""

import importlib.metadata
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fedmedlora.errors import Fault, InputError

_DECIMALS = 1_000
_LEAST_NOISE = 0.2
_MOST_NOISE = 1e4
_FINE, _ROUGH = 1e-4, 1e-3
_PACKAGE = "dp-accounting"
_RELATION = "ADD_OR_REMOVE_ONE"


@dataclass(frozen=True, slots=True)
class Steps:
    """Some steps of one kind.

    Attributes:
        noise_multiplier: sigma: the noise over the most that a unit can give.
        rate: q: with which probability a unit is in a step.
        number: How many.
    """

    noise_multiplier: float
    rate: float
    number: int


def epsilon(noise_multiplier: float, rate: float, steps: int, delta: float) -> float:
    """Return what some steps of one kind come to at a delta."""
    return composed((Steps(noise_multiplier, rate, steps),), delta)


def composed(blocks: Iterable[Steps], delta: float) -> float:
    """Return what steps of any kinds come to together at a delta; 0 without any.

    Raises:
        InputError: The package dp-accounting is missing.
    """
    together: dict[tuple[float, float], int] = {}
    for block in blocks:
        key = block.noise_multiplier, block.rate
        together[key] = together.get(key, 0) + block.number
    return _composed(tuple(sorted((*key, number) for key, number in together.items())), delta)


@lru_cache(maxsize=256)
def noise_for(epsilon: float, rate: float, steps: int, delta: float) -> float:
    """Return a noise multiplier, of three decimals, with which some steps stay within epsilon.

    Raises:
        InputError: No noise is enough, or the package dp-accounting is missing.
    """
    low, high = _LEAST_NOISE, 1.0
    while _roughly(high, rate, steps, delta) > epsilon:
        low, high = high, 2 * high
        if high > _MOST_NOISE:
            found = f"epsilon {epsilon:g} at delta {delta:g} for {steps} steps"
            raise InputError([Fault("[privacy].epsilon", found, "one that noise can reach")])
    while high - low > 1 / _DECIMALS:
        middle = (low + high) / 2
        enough = _roughly(middle, rate, steps, delta) <= epsilon
        low, high = (low, middle) if enough else (middle, high)
    return math.ceil(high * _DECIMALS) / _DECIMALS


def accountant() -> str:
    """Return the name and version of what counts."""
    return f"{_PACKAGE} {importlib.metadata.version(_PACKAGE)} (privacy loss distributions)"


def _roughly(noise_multiplier: float, rate: float, steps: int, delta: float) -> float:
    """Return a little more than some steps come to, in a tenth of the time."""
    return _composed(((noise_multiplier, rate, steps),), delta, _ROUGH)


@lru_cache(maxsize=1024)
def _composed(
    blocks: tuple[tuple[float, float, int], ...], delta: float, width: float = _FINE
) -> float:
    if not blocks:
        return 0.0
    package = _package()
    relation = package.NeighboringRelation[_RELATION]
    # Losses are rounded up to multiples of the width, so a wider one can only say more.
    ledger = package.pld.PLDAccountant(relation, value_discretization_interval=width)
    for noise_multiplier, rate, number in blocks:
        step = package.GaussianDpEvent(noise_multiplier)
        ledger.compose(package.PoissonSampledDpEvent(rate, step), number)
    return float(ledger.get_epsilon(delta))


def _package() -> Any:  # noqa: ANN401 -- it carries no types
    try:
        import dp_accounting  # noqa: PLC0415 -- optional, and a second to import
        import dp_accounting.pld  # noqa: PLC0415
    except ImportError as error:
        advice = "pip install '.[privacy]', or set privacy.mode = \"none\""
        fault = Fault("[privacy].mode", f"no package {_PACKAGE}", "it to count with", advice)
        raise InputError([fault]) from error
    return dp_accounting
