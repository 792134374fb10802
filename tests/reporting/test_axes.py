import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.reporting.axes import Quantity, axis_across, axis_upwards

PLAIN = Quantity("x", "{:g}".format, "{:g}".format)
NOTES = Quantity("notes", "{:g}".format, "{:g}".format, by_logarithm=True, is_counted=True)
BYTES = Quantity("bytes", "{:g}".format, "{:g}".format, by_logarithm=True)
POINTS = Quantity("F1", "{:g}".format, "{:g}".format, least_span=10.0)


def test_numbers_within_a_factor_of_ten_stand_evenly() -> None:
    axis = axis_across(NOTES, [20, 110, 200], start=0, end=90)

    assert [axis.place(each) for each in (20, 110, 200)] == [0, 45, 90]


def test_numbers_that_span_more_than_a_factor_of_ten_stand_by_logarithm() -> None:
    axis = axis_across(NOTES, [1, 10, 100], start=0, end=90)

    assert [axis.place(each) for each in (1, 10, 100)] == pytest.approx([0, 45, 90])


def test_only_what_may_is_drawn_by_logarithm() -> None:
    assert not axis_across(PLAIN, [1, 100], start=0, end=90).is_logarithmic


def test_zero_stands_apart_from_the_least_number_that_has_a_logarithm() -> None:
    axis = axis_across(NOTES, [0, 1, 100], start=0, end=100)

    # An eighth or so is left for it: 0.12 * 100
    assert [axis.place(each) for each in (0, 1, 100)] == pytest.approx([0, 12, 100])
    assert 0 in axis.ticks


def test_negative_numbers_have_no_logarithm() -> None:
    assert not axis_across(NOTES, [-1, 1, 100], start=0, end=90).is_logarithmic


def test_one_number_stands_in_the_middle() -> None:
    axis = axis_across(PLAIN, [7], start=0, end=90)

    assert axis.place(7) == 45
    assert axis.ticks == (7,)


def test_counted_numbers_are_written_themselves_and_others_are_rounded() -> None:
    assert axis_across(NOTES, [3, 7, 13], start=0, end=300).ticks == (3, 7, 13)
    assert axis_across(PLAIN, [3, 7, 13], start=0, end=300).ticks == (4, 6, 8, 10, 12)


def test_words_that_would_collide_are_left_out_evenly() -> None:
    # A letter is 8 wide and 4 are between: 12 for each number, 10 apart, so every second.
    axis = axis_across(NOTES, range(1, 8), start=0, end=60)

    assert axis.ticks == (1, 3, 5, 7)


def test_of_each_power_of_ten_as_many_are_written_as_there_is_room() -> None:
    assert axis_across(BYTES, [1, 200], start=0, end=300).ticks == (1, 2, 5, 10, 20, 50, 100, 200)
    assert axis_across(BYTES, [1, 200], start=0, end=90).ticks == (1, 10, 100)


def test_a_side_upwards_ends_with_round_numbers() -> None:
    axis = axis_upwards(POINTS, [41.3, 78.2], start=100, end=0)

    assert [axis.place(each) for each in (40, 80)] == [100, 0]
    assert axis.ticks == (40, 50, 60, 70, 80)


def test_next_to_no_difference_looks_like_next_to_none() -> None:
    axis = axis_upwards(POINTS, [57.5, 58.3], start=100, end=0)

    # Ten points about the middle, 52.9 to 62.9, from one round number to another.
    assert axis.low <= 52.9
    assert axis.high >= 62.9


def test_what_is_not_negative_has_no_room_below_zero() -> None:
    assert axis_upwards(POINTS, [0.5, 1.0], start=100, end=0).low == 0


@given(st.lists(st.integers(-(10**9), 10**9).map(lambda n: n / 1000), min_size=1))
def test_every_number_stands_between_the_ends(values: list[float]) -> None:
    upwards = axis_upwards(POINTS, values, start=100, end=0)
    across = axis_across(BYTES, values, start=0, end=100)

    assert all(-1e-6 <= upwards.place(value) <= 100 + 1e-6 for value in values)
    assert all(-1e-6 <= across.place(value) <= 100 + 1e-6 for value in values)
