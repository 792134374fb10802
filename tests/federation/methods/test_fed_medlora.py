import numpy as np
import pytest
from tests.federation.methods.dense import SHARES, federation, start
from tests.federation.methods.reports import shares

from fedmedlora.federation.weighting import Weighting


def test_it_weighs_by_label_tokens_whatever_the_experiment_s_exponents() -> None:
    # 100 : 300
    found = shares("fed_medlora", Weighting(0.5, 2.0, 3.0))

    assert found == pytest.approx({"a": 0.25, "b": 0.75})


def test_it_is_the_plain_weighted_mean_to_the_bit_over_three_rounds() -> None:
    federated, received = federation("fed_medlora"), start()

    for _ in range(3):
        bundle = federated.close_round()
        assert federated.record is not None
        shares_ = federated.record.shares
        assert shares_ == pytest.approx(SHARES)
        for name, tensor in received.items():
            deltas = {site: sent.delta[name] for site, sent in federated.sent.items()}
            mean = sum(shares_[site] * deltas[site].astype(np.float64) for site in sorted(deltas))
            np.testing.assert_array_equal(bundle[name], tensor + np.float32(mean))
        received = bundle
