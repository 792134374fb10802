"""The aggregation rules by name; a strategy is plain functions put together.

Fed-MedLoRA and Fed-MedLoRA+ differ in one function, the one from site reports to shares.
A strategy travels by name and numbers and is made anew where it is needed, never pickled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import Fault, InputError
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.updates import SiteReport, SiteUpdate
from fedmedlora.federation.weighting import Weighed, Weighting, weigh

Weigh = Callable[[Sequence[SiteReport]], Weighed]
"""From the reports of a round to its shares."""

Combine = Callable[[Sequence[SiteUpdate], Mapping[str, float]], AdapterWeights]
"""From updates and shares to the change of the global adapter."""

StrategyName = Literal["fed_medlora", "fed_medlora_plus", "fed_medlora_plus_released"]
STRATEGY_NAMES: tuple[StrategyName, ...] = get_args(StrategyName)


@dataclass(frozen=True, slots=True)
class Strategy:
    """One aggregation rule.

    Attributes:
        name: What an experiment calls it.
        needs_loss: Whether reports must hold a validation loss.
        needs_shift: Whether reports must hold a shift.
        weigh: From reports to shares.
        combine: From updates and shares to the change of the global adapter.
    """

    name: str
    needs_loss: bool
    needs_shift: bool
    weigh: Weigh
    combine: Combine = weighted_sum


def strategy_by_name(
    name: str,
    *,
    size_exponent: float,
    loss_temperature: float,
    shift_temperature: float,
    max_share: float,
) -> Strategy:
    """Return the strategy of a name.

    Only fed_medlora_plus looks at the exponent and the temperatures; the other two are fixed by
    what was published. `max_share` holds for all.

    Raises:
        InputError: There is no strategy of this name.
        ValueError: A number is outside its range.
    """
    weightings = {
        "fed_medlora": Weighting(1.0, 0.0, 0.0, max_share),
        "fed_medlora_plus": Weighting(
            size_exponent, loss_temperature, shift_temperature, max_share
        ),
        "fed_medlora_plus_released": Weighting(0.0, 1.0, 0.0, max_share),
    }
    if name not in weightings:
        fault = Fault(
            where="strategy",
            found=repr(name),
            expected=f"one of {', '.join(STRATEGY_NAMES)}",
        )
        raise InputError([fault])
    return _averaging(name, weightings[name])


def _averaging(name: str, weighting: Weighting) -> Strategy:
    return Strategy(
        name=name,
        needs_loss=weighting.loss_temperature > 0,
        needs_shift=weighting.shift_temperature > 0,
        weigh=partial(weigh, weighting=weighting),
    )
