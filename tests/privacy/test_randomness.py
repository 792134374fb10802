import numpy as np
import pytest

from fedmedlora.privacy import randomness
from fedmedlora.privacy.randomness import FixedRandomness, OsRandomness


def test_the_operating_system_never_says_the_same_twice() -> None:
    source = OsRandomness()

    assert source.is_private
    assert not np.array_equal(source.normal(100), source.normal(100))
    assert not np.array_equal(source.uniform(100), OsRandomness().uniform(100))


def test_a_fixed_source_repeats_itself_and_says_that_it_hides_nothing() -> None:
    one, other = FixedRandomness(3), FixedRandomness(3)

    assert not one.is_private
    assert np.array_equal(one.normal(9), other.normal(9))


@pytest.mark.parametrize("number", [1, 2, 3, 200_000])
def test_so_many_numbers_come_as_are_asked_for(number: int) -> None:
    assert OsRandomness().normal(number).shape == (number,)
    assert OsRandomness().uniform(number).shape == (number,)


def test_normal_numbers_have_mean_0_and_variance_1_and_the_tails_of_normal_ones() -> None:
    drawn = FixedRandomness(0).normal(400_000)

    # Standard errors: 0.0016 of the mean, 0.0011 of the deviation, 0.0004 of a tail's 4.55 %.
    assert abs(drawn.mean()) < 0.006
    assert abs(drawn.std() - 1) < 0.005
    assert abs((np.abs(drawn) > 2).mean() - 0.0455) < 0.0015
    assert abs(np.mean(drawn[:200_000] * drawn[200_000:])) < 0.01


def test_uniform_numbers_fill_zero_to_one_and_never_reach_one() -> None:
    drawn = FixedRandomness(0).uniform(100_000)

    assert 0 <= drawn.min() < 1e-3
    assert 1 - 1e-3 < drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.005


def test_the_largest_bits_stay_below_one_and_the_smallest_are_zero() -> None:
    assert randomness._uniform(lambda n: b"\xff" * n, 1)[0] == 1 - 2.0**-53
    assert randomness._uniform(lambda n: b"\x00" * n, 1)[0] == 0.0
    for byte in (b"\xff", b"\x00"):
        assert np.isfinite(randomness._normal(lambda n, byte=byte: byte * n, 4)).all()  # type: ignore[misc]
