import math

import pytest

from fedmedlora.reporting import quantities


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "0.5", True])
def test_what_is_no_finite_number_is_a_dash_and_never_zero(value: object) -> None:
    shown = [
        getattr(quantities, name)(value)
        for name in ("decimal", "points", "percent", "count", "size", "duration", "interval")
    ]

    assert shown == ["–"] * 7


def test_zero_is_a_figure() -> None:
    assert quantities.decimal(0.0) == "0.000"
    assert quantities.size(0) == "0 bytes"


def test_differences_are_signed_points() -> None:
    assert quantities.points(0.123) == "+12.3"
    assert quantities.points(-0.018) == "−1.8"


def test_sizes_count_in_thousands() -> None:
    # 41,943,040 parameters x 2 bytes = 83,886,080 bytes
    assert quantities.size(83_886_080) == "83.9 MB"
    assert quantities.size(16_060_000_000) == "16.1 GB"
    assert quantities.size(999) == "999 bytes"
    assert quantities.size(1000) == "1 kB"


def test_sizes_just_below_a_thousand_take_the_next_unit() -> None:
    assert quantities.size(999_900) == "1 MB"


def test_seconds_become_what_a_clock_says() -> None:
    # 252 = 4 x 60 + 12; 3725 = 3600 + 2 x 60 + 5
    assert quantities.duration(252) == "4 min 12 s"
    assert quantities.duration(3725) == "1 h 2 min"
    assert quantities.duration(4.2) == "4.2 s"
    assert quantities.duration(59.7) == "1 min 0 s"


def test_intervals_say_to_instead_of_a_dash() -> None:
    assert quantities.interval([0.801, 0.8625]) == "0.801 to 0.863"
    assert quantities.interval([-0.003, 0.049], signed=True) == "−0.3 to +4.9"


@pytest.mark.parametrize("bounds", [[None, 0.2], [0.1], "ab", [math.nan, 1.0]])
def test_half_an_interval_is_none(bounds: object) -> None:
    assert quantities.interval(bounds) == "–"


def test_a_dash_says_what_it_means() -> None:
    assert quantities.show("–") == '<span class="undefined" title="undefined">–</span>'
