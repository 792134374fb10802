import numpy as np
from tests.federation.methods.federations import HEAD, START, A, B, Federation, descent


def test_a_stays_and_does_not_travel_while_the_rest_is_averaged() -> None:
    federation = Federation("ffa_lora", {"a": 1.0, "b": 3.0}, descent(1, 0.5))

    for _ in range(2):
        adapter = federation.close_round()

    assert set(federation.sent["a"].delta) == {B, HEAD}
    np.testing.assert_array_equal(adapter[A], START[A])
    # Half of the way to 1 and 3 is the way to 2: 0, 1, 1.5
    np.testing.assert_array_equal(adapter[B], np.full((2, 1), 1.5))
    np.testing.assert_array_equal(adapter[HEAD], np.full((2, 2), 1.5))


def test_the_average_of_the_products_is_the_product_of_the_averages() -> None:
    federation = Federation("ffa_lora", {"a": 1.0, "b": 3.0}, descent(1, 0.5))

    adapter = federation.close_round()

    local = [START[B] + one.delta[B] for one in federation.sent.values()]
    mean_product = sum(b.astype(np.float64) @ START[A] for b in local) / 2
    np.testing.assert_allclose(adapter[B] @ adapter[A], mean_product, rtol=1e-6)
