import math
import sys

import pytest

from fedmedlora.errors import InputError
from fedmedlora.privacy.accounting import Steps, accountant, composed, epsilon, noise_for


@pytest.mark.parametrize(
    ("noise", "steps", "exact"),
    [(1.0, 10, 17.8566), (4.0, 10, 3.3414), (8.0, 30, 2.8376)],
)
def test_without_sampling_it_is_the_exact_composition_of_gaussians(
    noise: float, steps: int, exact: float
) -> None:
    found = epsilon(noise, 1.0, steps, 1e-5)

    assert found == pytest.approx(exact, abs=1e-3)
    # T steps of sigma are one of sigma / sqrt(T): Phi(a) - e^eps Phi(b) at delta,
    # a = s / 2 - eps / s, b = -s / 2 - eps / s with s = sqrt(T) / sigma.
    s = math.sqrt(steps) / noise
    above, below = (
        0.5 * math.erfc(-(x) / math.sqrt(2)) for x in (s / 2 - found / s, -s / 2 - found / s)
    )
    assert above - math.exp(found) * below == pytest.approx(1e-5, rel=1e-2)


@pytest.mark.parametrize(
    ("rate", "noise", "steps", "delta", "expected"),
    [
        (0.01, 4.0, 10_000, 1e-5, 0.9470),
        (256 / 60_000, 1.3, 3515, 1e-5, 0.8645),
        (256 / 60_000, 1.1, 14_062, 1e-5, 2.3817),
        (256 / 60_000, 0.7, 10_546, 1e-5, 5.6394),
        (5000 / 763_430, 1.0, 4980, 1e-9, 3.8913),
        (16 / 800, 0.8, 1500, 1e-5, 7.86),
    ],
)
def test_with_sampling_it_is_what_others_count(
    rate: float, noise: float, steps: int, delta: float, expected: float
) -> None:
    assert epsilon(noise, rate, steps, delta) == pytest.approx(expected, rel=0.01)


def test_steps_of_unlike_kinds_compose_in_any_order_and_blocks() -> None:
    one, other = Steps(1.0, 0.1, 10), Steps(2.0, 0.5, 4)

    whole = composed([one, other], 1e-5)

    assert composed([other, Steps(1.0, 0.1, 4), Steps(1.0, 0.1, 6)], 1e-5) == whole
    assert whole > composed([one], 1e-5)
    assert composed([], 1e-5) == 0.0


def test_the_noise_for_an_epsilon_is_the_least_that_keeps_it() -> None:
    noise = noise_for(8.0, 16 / 800, 1500, 1e-5)

    # 0.7944 by others
    assert noise == pytest.approx(0.7944, abs=2e-3)
    assert (
        epsilon(noise, 16 / 800, 1500, 1e-5) <= 8.0 < epsilon(noise - 0.005, 16 / 800, 1500, 1e-5)
    )


def test_weights_that_follow_from_the_data_hide_less_than_equal_ones_claim() -> None:
    # Sizes 2000, 800, 400, 200, 100: noise z C / 5 with z = 4 as if all were alike ...
    sizes = [2000, 800, 400, 200, 100]
    heaviest = max(sizes) / sum(sizes)
    claimed = epsilon(4.0, 1.0, 10, 1e-5)

    # ... while the heaviest site moves the sum by C 0.571: its noise is 4 / 5 / 0.571 of that.
    real = epsilon(4.0 / 5 / heaviest, 1.0, 10, 1e-5)

    assert claimed == pytest.approx(3.34, abs=0.01)
    assert real == pytest.approx(11.63, abs=0.02)


def test_an_epsilon_that_no_noise_reaches_is_refused() -> None:
    with pytest.raises(InputError, match=r"found epsilon 1e-06 .* expected one that noise can"):
        noise_for(1e-6, 1.0, 10_000, 1e-12)


def test_a_missing_package_is_one_line_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)

    with pytest.raises(InputError, match=r"no package dp-accounting.*pip install '\.\[privacy\]'"):
        composed([Steps(1.2345, 0.5, 3)], 1e-5)


def test_the_accountant_says_its_version() -> None:
    assert accountant() == "dp-accounting 0.6.0 (privacy loss distributions)"
