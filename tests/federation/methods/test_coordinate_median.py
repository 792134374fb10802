import numpy as np
import pytest
from tests.federation.methods.robust import (
    W,
    closed,
    require_honest_range,
    require_laws,
    require_one_shape,
    values,
)


def test_it_is_the_middle_of_every_value() -> None:
    found, record = closed("coordinate_median", values(a=[9, 1], b=[1, 2], c=[2, -50]))

    np.testing.assert_array_equal(found[W], [2.0, 1.0])
    # Whatever their sizes, 1, 10 and 100 label tokens.
    assert record.shares == dict.fromkeys("abc", 1 / 3)


def test_of_an_even_number_it_is_the_mean_of_the_two_in_the_middle() -> None:
    found, _ = closed("coordinate_median", values(a=[1], b=[2], c=[4], d=[1000]))

    assert found[W] == [3.0]


def test_it_keeps_the_laws() -> None:
    require_laws("coordinate_median")
    require_one_shape("coordinate_median")


@pytest.mark.parametrize("num_attackers", [1, 2, 3])
def test_fewer_than_half_cannot_leave_the_honest_range(num_attackers: int) -> None:
    require_honest_range("coordinate_median", num_attackers)
