"""Two sites' reports, and the shares that a method makes of them."""

from collections.abc import Mapping

from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.updates import SiteReport
from fedmedlora.federation.weighting import Weighting

REPORTS = [SiteReport("a", 1, 100, 0.3, 0.1), SiteReport("b", 1, 300, 0.5, 0.4)]


def shares(name: str, weighting: Weighting) -> Mapping[str, float]:
    return strategy_by_name(name, weighting=weighting).weigh({}, REPORTS).shares
