"""Personalisation: each site goes on alone from the federation's best adapter and keeps the result.

There is no adapter for a site that has not trained.

Source: Wang et al. 2019, Federated Evaluation of On-device Personalization (arXiv 1910.10252),
section 2.
"""

from dataclasses import replace

from fedmedlora.federation.averaging import by_size
from fedmedlora.federation.local_rule import LocalRule, Part
from fedmedlora.federation.strategy import Method, Strategy
from fedmedlora.federation.weighting import Weighting


def _part(round_index: int, name: str) -> Part:
    del round_index, name
    return "own"


def _strategy(name: str, own: object, weighting: Weighting) -> Strategy:
    return replace(by_size(name, own, weighting), local=LocalRule(part=_part))


METHOD = Method("Personalised", _strategy, goes_on=True)
