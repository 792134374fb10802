import numpy as np
import pytest

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AggregationError
from fedmedlora.federation.methods.agnostic import Agnostic
from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.updates import SiteReport
from fedmedlora.federation.weighting import Weighed, Weighting


def weighed(memory: AdapterWeights, rate: float = 0.5, **losses: float | None) -> Weighed:
    strategy = strategy_by_name("agnostic", Agnostic(rate=rate), weighting=Weighting(1.0, 0.0, 0.0))
    return strategy.weigh(
        memory, [SiteReport(site, 1, 10, None, None, loss) for site, loss in losses.items()]
    )


def test_shares_climb_to_the_worst_off_by_hand() -> None:
    # (1/2 + 0.5 * 0.2, 1/2 + 0.5 * 0.6) = (0.6, 0.8), 0.4 too much, so 0.2 off each
    first = weighed({}, a=0.2, b=0.6)
    # (0.4 + 0.05, 0.6 + 0.4) = (0.45, 1), 0.45 too much, so 0.225 off each
    second = weighed(first.remembered, a=0.1, b=0.8)

    assert first.shares == pytest.approx({"a": 0.4, "b": 0.6})
    assert second.shares == pytest.approx({"a": 0.225, "b": 0.775})


def test_a_site_that_does_well_may_have_no_share_at_all() -> None:
    # (0.5, 0.5 + 2): off each (3 - 1) / 2 = 1 would leave a below 0; 1.5 off b alone
    assert weighed({}, a=0.0, b=4.0).shares == {"a": 0.0, "b": 1.0}


def test_who_is_away_keeps_its_part() -> None:
    first = weighed({}, a=0.2, b=0.6)

    # (0.4 + 0.5, 0.6 + 0), 0.5 too much: (0.65, 0.35)
    second = weighed(first.remembered, a=1.0)

    assert second.shares == {"a": 1.0}
    kept = {name: float(value[0]) for name, value in second.remembered.items()}
    assert kept == pytest.approx({"share/a": 0.65, "share/b": 0.35})


def test_those_who_answer_must_have_a_share() -> None:
    memory = {"share/a": np.zeros(1, np.float32), "share/b": np.ones(1, np.float32)}

    with pytest.raises(AggregationError, match="shares of a: found 0, expected one above 0"):
        weighed(memory, a=0.0)


def test_a_site_without_a_loss_is_an_error_that_names_it() -> None:
    with pytest.raises(AggregationError, match="start_loss of b: found nothing"):
        weighed({}, a=0.5, b=None)
