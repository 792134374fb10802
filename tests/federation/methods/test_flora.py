import numpy as np
import pytest
from tests.federation.methods.dense import (
    SHARES,
    UNEQUAL,
    change,
    federation,
    furthest,
    mean_of_products,
    start,
)


@pytest.mark.parametrize("forms", [{}, UNEQUAL])
def test_the_base_is_the_exact_sum_over_three_rounds(forms: dict[str, tuple[int, float]]) -> None:
    federated, received = federation("flora", forms), start()
    expected = {layer: np.zeros_like(matrix) for layer, matrix in change(received).items()}

    for _ in range(3):
        bundle = federated.close_round()
        mean = mean_of_products(received, federated)
        expected = {layer: expected[layer] + mean[layer] for layer in mean}
        assert furthest(change(bundle), expected) < 1e-6
        received = bundle


def test_every_round_begins_with_the_seeded_a_and_a_b_of_zeros() -> None:
    federated = federation("flora")

    for _ in range(2):
        bundle = federated.close_round()

    first = start()
    assert all(np.array_equal(bundle[name], first[name]) for name in first if name != "head")


def test_what_is_no_factor_is_averaged_and_goes_on() -> None:
    federated = federation("flora")

    bundle = federated.close_round()

    moved = sum(share * federated.sent[site].delta["head"] for site, share in SHARES.items())
    np.testing.assert_allclose(bundle["head"], start()["head"] + moved, rtol=1e-6)
