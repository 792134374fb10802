"""FedProx: each site is drawn to where its round started.

    loss at a site  +  (mu / 2) |w - w_start|^2

Source: Li et al. 2020, Federated Optimization in Heterogeneous Networks (arXiv 1812.06127),
Algorithm 2; w is the adapter, as only it is trained.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from fedmedlora.federation.averaging import by_size
from fedmedlora.federation.local_rule import LocalRule
from fedmedlora.federation.strategy import Method, Strategy
from fedmedlora.federation.weighting import Weighting
from fedmedlora.ranges import at_least


@dataclass(frozen=True, slots=True, kw_only=True)
class FedProx:
    """Numbers of the sites' training.

    Attributes:
        proximal: mu; 0 is the plain average.
    """

    proximal: Annotated[float, at_least(0)] = 0.01


def _strategy(name: str, own: FedProx, weighting: Weighting) -> Strategy:
    return replace(by_size(name, own, weighting), local=LocalRule(proximal=own.proximal))


METHOD = Method("FedProx", _strategy, FedProx)
