import numpy as np

from fedmedlora.privacy.drowning import MOST, STEP, drowned


def test_all_who_have_the_secret_draw_the_same_noise() -> None:
    values = np.linspace(-1, 1, 1000)

    one = drowned(values, secret=b"s", place=b"p")
    # What two machines decrypt differs in the last bits; what they tell does not.
    other = drowned(values * (1 + 1e-16) + 1e-17, secret=b"s", place=b"p")

    assert (one == other).all()


def test_another_place_or_secret_has_other_noise() -> None:
    values = np.zeros(1000)
    told = drowned(values, secret=b"s", place=b"p")

    assert (told != drowned(values, secret=b"s", place=b"q")).mean() > 0.8
    assert (told != drowned(values, secret=b"t", place=b"p")).mean() > 0.8
    # Where one ends and the other begins counts.
    assert (told != drowned(values, secret=b"sp", place=b"")).mean() > 0.8


def test_the_noise_is_as_large_as_it_says_and_never_larger() -> None:
    noise = drowned(np.zeros(200_000), secret=b"s", place=b"p")

    # 32 + 32 bits of variance 1/4 each: 16, so 4 steps; the mean of n is within 4 / sqrt(n).
    assert abs(noise.std() / STEP - 4) < 0.05
    assert abs(noise.mean() / STEP) < 0.05
    assert np.abs(noise).max() <= MOST
    assert np.abs(noise).max() > 10 * STEP


def test_a_number_between_two_steps_is_off_by_half_a_step_more_at_most() -> None:
    values = np.full(10_000, 0.49 * STEP)

    told = drowned(values, secret=b"s", place=b"p")

    assert np.abs(told - values).max() <= MOST
    assert (told / STEP == np.rint(told / STEP)).all()
