import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.adapters.bfloat16 import narrowed, widened


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, 1.0),
        (-0.0, -0.0),
        # 1 + 2**-8 lies between 1 and 1 + 2**-7: to even, down. The next one up: to even, up.
        (1 + 2**-8, 1.0),
        (1 + 3 * 2**-8, 1 + 2**-6),
        (1 + 2**-8 + 2**-20, 1 + 2**-7),
        (np.inf, np.inf),
    ],
)
def test_the_nearest_is_taken_and_of_two_the_even_one(value: float, expected: float) -> None:
    (found,) = widened(narrowed(np.array([value], np.float32)))

    assert (found, np.signbit(found)) == (expected, np.signbit(expected))


def test_what_is_no_number_stays_none() -> None:
    every_bit = np.array([0x7FFFFFFF], np.uint32).view(np.float32)

    assert np.isnan(widened(narrowed(np.array([np.nan], np.float32)))).all()
    assert np.isnan(widened(narrowed(every_bit))).all()


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_it_is_what_torch_does(values: list[float]) -> None:
    array = np.array(values, np.float32)

    theirs = torch.from_numpy(array).to(torch.bfloat16).float().numpy()

    assert np.array_equal(widened(narrowed(array)), theirs)
