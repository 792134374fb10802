import numpy as np
import pytest

from fedmedlora.errors import AggregationError
from fedmedlora.federation.methods.q_fed_avg import QFedAvg
from fedmedlora.federation.rounds import ServerState, aggregate
from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.updates import SiteReport, SiteUpdate
from fedmedlora.federation.weighting import Weighting


def moved(q: float, losses: dict[str, float | None], *, lipschitz: float = 2.0) -> float:
    """Return where 10 goes when site a points at 1 and site b at 3."""
    strategy = strategy_by_name(
        "q_fed_avg", QFedAvg(q=q, lipschitz=lipschitz), weighting=Weighting(1.0, 0.0, 0.0)
    )
    deltas = {"a": 1.0, "b": 3.0}
    updates = [
        SiteUpdate(
            SiteReport(site, 1, 10, None, None, losses[site]),
            {"w": np.array([deltas[site]], np.float32)},
            base="b0",
            start="s0",
        )
        for site in deltas
    ]
    state, _ = aggregate(ServerState(0, {"w": np.array([10.0], np.float32)}), updates, strategy)
    return float(state.adapter["w"][0])


def test_a_round_by_hand() -> None:
    # q = 1, L = 2, F = 0.5 and 1:  d = 0.5 * 2 * 1 = 1 and 1 * 2 * 3 = 6
    # h = 1 * 1 * (2 * 1)^2 + 2 * 0.5 = 5 and 1 * 1 * (2 * 3)^2 + 2 * 1 = 38
    # 10 + 7 / 43
    assert moved(1.0, {"a": 0.5, "b": 1.0}) == pytest.approx(10 + 7 / 43, rel=1e-6)


def test_without_q_it_is_the_average_in_which_sites_count_alike() -> None:
    assert moved(0.0, {"a": 0.5, "b": 1.0}) == pytest.approx(12.0)


@pytest.mark.parametrize("loss", [None, 0.0])
def test_a_site_without_a_loss_is_an_error_that_names_it(loss: float | None) -> None:
    with pytest.raises(AggregationError, match="start_loss of b: found"):
        moved(1.0, {"a": 0.5, "b": loss})
