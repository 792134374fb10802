import numpy as np
import pytest
from tests.federation.methods.dense import (
    RANK,
    UNEQUAL,
    change,
    federation,
    furthest,
    mean_of_products,
    start,
)


@pytest.mark.parametrize("forms", [{}, UNEQUAL])
def test_it_is_the_nearest_of_its_rank_to_the_mean_over_three_rounds(
    forms: dict[str, tuple[int, float]],
) -> None:
    federated, received = federation("flex_lora", forms), start()

    for _ in range(3):
        bundle = federated.close_round()
        best = {}
        for layer, mean in mean_of_products(received, federated).items():
            u, s, v = np.linalg.svd(mean, full_matrices=False)
            best[layer] = (u[:, :RANK] * s[:RANK]) @ v[:RANK]
        assert furthest(change(bundle), best) < 1e-6
        received = bundle


def test_the_first_rows_are_the_best_of_a_smaller_rank() -> None:
    bundle = federation("flex_lora").close_round()
    a, b = bundle["v.lora_A.weight"], bundle["v.lora_B.weight"]

    u, s, v = np.linalg.svd(b.astype(np.float64) @ a, full_matrices=False)

    best = (u[:, :2] * s[:2]) @ v[:2]
    np.testing.assert_allclose(b[:, :2].astype(np.float64) @ a[:2], best, atol=1e-6)


def test_a_site_of_a_smaller_rank_gets_and_sends_so_much() -> None:
    federated = federation("flex_lora", UNEQUAL)
    federated.close_round()

    shapes = {site: sent.delta["v.lora_A.weight"].shape for site, sent in federated.sent.items()}
    assert shapes == {"a": (2, 6), "b": (4, 6), "c": (1, 6)}
