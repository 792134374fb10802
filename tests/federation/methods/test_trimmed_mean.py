import numpy as np
import pytest
from tests.federation.methods.robust import (
    V,
    W,
    closed,
    deltas,
    require_honest_range,
    require_laws,
    require_one_shape,
    values,
)


def test_the_largest_and_the_smallest_of_every_value_are_left_out() -> None:
    found, record = closed(
        "trimmed_mean", values(a=[9, 1], b=[1, 2], c=[2, -50], d=[3, 3], e=[4, 4])
    )

    # A fifth of five is one a side: (2 + 3 + 4) / 3 and (1 + 2 + 3) / 3
    np.testing.assert_array_equal(found[W], [3.0, 2.0])
    assert record.shares == dict.fromkeys("abcde", 0.2)


@pytest.mark.parametrize("trim", [0.0, 0.19])
def test_where_nobody_is_left_out_it_is_the_mean_in_which_sites_count_alike(trim: float) -> None:
    sites = deltas(5)

    found, _ = closed("trimmed_mean", sites, trim=trim)

    for name in (W, V):
        mean = np.mean([one[name] for one in sites.values()], axis=0, dtype=np.float64)
        # Sums in another order differ in the last bit of float64, and then in float32's.
        np.testing.assert_allclose(found[name], mean, rtol=1e-6, atol=1e-7)


def test_most_that_can_be_left_out_leaves_the_middle() -> None:
    found, _ = closed("trimmed_mean", values(a=[1], b=[5], c=[100]), trim=0.49)

    assert found[W] == [5.0]


def test_it_keeps_the_laws() -> None:
    require_laws("trimmed_mean")
    require_one_shape("trimmed_mean")


@pytest.mark.parametrize("num_attackers", [1, 2])
def test_as_many_attackers_as_are_left_out_cannot_leave_the_honest_range(
    num_attackers: int,
) -> None:
    require_honest_range("trimmed_mean", num_attackers, trim=2 / 7)
