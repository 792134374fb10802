import numpy as np
import pytest
from tests.federation.methods.dense import UNEQUAL, federation, start

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.low_rank import layers


def test_filled_up_factors_are_averaged_by_the_norm_of_what_they_change() -> None:
    federated, received = federation("het_lora", UNEQUAL), start()

    bundle = federated.close_round()

    squares = dict.fromkeys("abc", 0.0)
    filled: dict[str, dict[str, np.ndarray]] = {}
    for site, sent in federated.sent.items():
        for a, b in layers(plain(received)):
            rank = sent.delta[a].shape[0]
            wide_a = np.zeros(received[a].shape)
            wide_b = np.zeros(received[b].shape)
            wide_a[:rank] = received[a][:rank].astype(np.float64) + sent.delta[a]
            wide_b[:, :rank] = received[b][:, :rank].astype(np.float64) + sent.delta[b]
            squares[site] += float(np.linalg.norm(wide_b @ wide_a)) ** 2
            filled.setdefault(a, {})[site] = wide_a
            filled.setdefault(b, {})[site] = wide_b
    norms = {site: square**0.5 for site, square in squares.items()}
    for name, sites in filled.items():
        expected = sum(norms[site] * sites[site] for site in sites) / sum(norms.values())
        np.testing.assert_allclose(bundle[name], expected, atol=1e-6)


def test_the_weights_are_the_record_s_shares() -> None:
    federated = federation("het_lora", UNEQUAL)
    federated.close_round()

    assert federated.record is not None
    assert sum(federated.record.shares.values()) == pytest.approx(1)
    assert federated.record.shares != pytest.approx({"a": 0.1, "b": 0.7, "c": 0.2})
