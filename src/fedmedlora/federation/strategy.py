"""What an aggregation rule is: a frozen record of small functions, the plain ones by default.

Fed-MedLoRA and Fed-MedLoRA+ differ in one function, the one from site reports to shares. A rule
travels by name and numbers and is made anew where it is needed, never pickled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fedmedlora.adapters.weights import AdapterWeights, add
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.local_rule import UNCHANGED, LocalRule
from fedmedlora.federation.updates import SiteReport, SiteUpdate
from fedmedlora.federation.weighting import Weighed, Weighting

Need = Literal["validation_loss", "shift", "start_loss"]
"""A number that costs something, so that reports hold it for those alone who ask for it."""

Memory = AdapterWeights
"""What the server keeps from round to round beside the adapter, and never sends; empty at first."""

Weigh = Callable[[Memory, Sequence[SiteReport]], Weighed]
"""From memory and the reports of a round to its shares, and what is remembered of them."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round is combined from.

    Attributes:
        received: What the sites got: the global adapter and what accompanies it.
        updates: What those that were admitted sent.
        shares: Site to its share; sum 1.
        num_sites: Sites of the federation, absent ones too.
        total: What makes the sum of their changes, each times its share.
    """

    received: AdapterWeights
    updates: Sequence[SiteUpdate]
    shares: Mapping[str, float]
    num_sites: int
    total: "Total" = field(default_factory=lambda: in_the_open)


@dataclass(frozen=True, slots=True)
class Combined:
    """What the updates of a round come to.

    Attributes:
        delta: Where the sites point, by the tensors that travelled.
        companions: What accompanies the next global adapter, beside the patches it has.
        shares: How the factors were weighed, where it was not by the shares of the reports.
    """

    delta: AdapterWeights
    companions: AdapterWeights = field(default_factory=dict)
    shares: Mapping[str, float] | None = None


Total = Callable[[Round], AdapterWeights]
"""From a round to the sum of the sites' changes, each times its share."""

Combine = Callable[[Round], Combined]
"""From a round to where its sites point."""

Step = Callable[[Memory, AdapterWeights, AdapterWeights], tuple[AdapterWeights, Memory]]
"""From memory, the tensors that travelled and where the sites point to those tensors, changed, and
the next memory."""


def in_the_open(round_: Round) -> AdapterWeights:
    """Return the sum of changes that all can be read.

    A site of a smaller rank changes nothing beyond it.
    """
    return weighted_sum(round_.updates, round_.shares, like=round_.received)


def averaged(round_: Round) -> Combined:
    """Return the average of the sites' changes by their shares."""
    return Combined(round_.total(round_))


def plain_step(
    memory: Memory, start: AdapterWeights, delta: AdapterWeights
) -> tuple[AdapterWeights, Memory]:
    """Return the tensors changed as the sites point, and the memory as it was."""
    return add(start, delta), memory


@dataclass(frozen=True, slots=True)
class Strategy:
    """One aggregation rule.

    Attributes:
        name: What an experiment calls it.
        needs: What reports must hold beside the number of label tokens.
        weigh: From reports to shares.
        combine: From updates and shares to where the sites point.
        step: How the server goes there.
        local: What changes in the training at a site.
        patches_base: Whether rounds change the base's weights beside the adapter.
        one_rank: Whether it compares sites value by value, so that all must have one LoRA rank.
        fewest_sites: Updates that a round must have for the rule to mean anything.
    """

    name: str
    needs: frozenset[Need]
    weigh: Weigh
    combine: Combine = averaged
    step: Step = plain_step
    local: LocalRule = UNCHANGED
    patches_base: bool = False
    one_rank: bool = False
    fewest_sites: int = 1

    @property
    def is_linear(self) -> bool:
        """Return whether the sum of the changes by their shares is all it needs of them."""
        return self.combine is averaged


Make = Callable[[str, Any, Weighting], Strategy]
"""From a method's name, its own settings and the experiment's weighting to the rule."""


@dataclass(frozen=True, slots=True)
class NoSettings:
    """A method with no number of its own."""


@dataclass(frozen=True, slots=True)
class Method:
    """A published way to federate: what a file of `methods` is read for.

    Attributes:
        title: What people call it.
        strategy: What makes its rule.
        settings: A dataclass of its own numbers, the keys of `[methods.<name>]`.
        goes_on: Whether it begins with the federation's best adapter, to make something of it at
            each site, instead of beginning where all others do.
    """

    title: str
    strategy: Make
    settings: type[Any] = NoSettings
    goes_on: bool = False
