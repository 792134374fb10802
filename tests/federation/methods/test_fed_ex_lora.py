import numpy as np
from tests.federation.methods.dense import (
    change,
    federation,
    furthest,
    mean_of_products,
    patches_alone,
    start,
)
from tests.federation.methods.federations import A, B

from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.strategy import Round
from fedmedlora.federation.updates import SiteReport, SiteUpdate
from fedmedlora.federation.weighting import Weighting


def test_base_and_adapter_are_the_exact_mean_over_three_rounds() -> None:
    federated, received = federation("fed_ex_lora"), start()

    for _ in range(3):
        folded = patches_alone(received)
        bundle = federated.close_round()
        mean = mean_of_products(received, federated)
        expected = {layer: folded.get(layer, 0) + mean[layer] for layer in mean}
        assert furthest(change(bundle), expected) < 1e-6
        received = bundle


def test_the_factors_are_averaged_as_in_the_plain_rule() -> None:
    exact, averaged = federation("fed_ex_lora"), federation("fed_medlora")

    one, other = exact.close_round(), averaged.close_round()

    assert all(np.array_equal(one[name], other[name]) for name in other)
    # What is folded is what the plain rule loses, and that is not nothing.
    assert furthest(change(one), change(other)) > 0.1


def test_what_travels_is_what_was_trained() -> None:
    federated = federation("fed_ex_lora")
    federated.close_round()
    federated.close_round()

    assert federated.sent["a"].delta.keys() == start().keys()


def test_a_residual_by_hand() -> None:
    received = {A: np.zeros((1, 1), np.float32), B: np.zeros((1, 1), np.float32)}
    # Two sites of one size end with B = 1, A = 1 and B = 3, A = 5.
    updates = [update("a", b=1, a=1), update("b", b=3, a=5)]
    strategy = strategy_by_name("fed_ex_lora", weighting=Weighting(1.0, 0.0, 0.0))

    combined = strategy.combine(Round(received, updates, {"a": 0.5, "b": 0.5}, 2))

    # Means 2 and 3;  mean of the products (1 + 15) / 2 = 8;  product of the means 6
    assert (combined.delta[B].item(), combined.delta[A].item()) == (2, 3)
    assert patches_alone(combined.companions)[A].item() == 2


def update(site: str, *, b: float, a: float) -> SiteUpdate:
    delta = {A: np.full((1, 1), a, np.float32), B: np.full((1, 1), b, np.float32)}
    return SiteUpdate(SiteReport(site, 1, 10, None, None), delta, base="b0", start="s0")
