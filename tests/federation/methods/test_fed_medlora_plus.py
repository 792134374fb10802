import math

import pytest
from tests.federation.methods.reports import shares

from fedmedlora.federation.weighting import Weighting


def test_it_weighs_by_size_loss_and_shift_as_the_experiment_says() -> None:
    # a: 100^0.5 * 2^-0.3 * 3^-0.1 = 7.2775;  b: 300^0.5 * 2^-0.5 * 3^-0.4 = 7.8923
    found = shares("fed_medlora_plus", Weighting(0.5, math.log(2), math.log(3)))

    assert found == pytest.approx({"a": 7.2775 / 15.1698, "b": 7.8923 / 15.1698}, abs=1e-5)
