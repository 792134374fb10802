import pytest
from tests.federation.methods.reports import shares

from fedmedlora.federation.weighting import Weighting


def test_it_is_exp_of_one_minus_loss_normalised_whatever_the_experiment_s_exponents() -> None:
    # exp(0.7) = 2.013753, exp(0.5) = 1.648721, sum 3.662474
    found = shares("fed_medlora_plus_released", Weighting(0.5, 2.0, 3.0))

    assert found == pytest.approx({"a": 2.013753 / 3.662474, "b": 1.648721 / 3.662474}, abs=1e-6)
