"""Personalisation: each site goes on alone from the federation's best adapter and keeps the result.

There is no adapter for a site that has not trained.

Source: Wang et al. 2019, Federated Evaluation of On-device Personalization (arXiv 1910.10252),
section 2.
"""

from fedmedlora.federation.averaging import by_size_with
from fedmedlora.federation.local_rule import LocalRule, Part
from fedmedlora.federation.strategy import Method


def _part(round_index: int, name: str) -> Part:
    del round_index, name
    return "own"


METHOD = Method("Personalised", by_size_with(local=LocalRule(part=_part)), goes_on=True)
