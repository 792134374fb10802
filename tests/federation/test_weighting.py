import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.errors import AggregationError
from fedmedlora.federation.updates import SiteReport
from fedmedlora.federation.weighting import Weighting, share_factors, shares, weigh

BY_SIZE = Weighting(size_exponent=1.0, loss_temperature=0.0, shift_temperature=0.0)
BY_LOSS = Weighting(size_exponent=0.0, loss_temperature=1.0, shift_temperature=0.0)
BY_ALL = Weighting(size_exponent=0.5, loss_temperature=2.0, shift_temperature=1.0)


def report(
    site: str, num_tokens: int, loss: float | None = None, shift: float | None = None
) -> SiteReport:
    return SiteReport(site, 1, num_tokens, loss, shift)


def sizes(*num_tokens: int) -> list[SiteReport]:
    return [report(f"s{i}", n) for i, n in enumerate(num_tokens)]


def reports_of(names: Sequence[str] = ("a", "b", "c", "d")) -> st.SearchStrategy[list[SiteReport]]:
    one = st.tuples(
        st.integers(min_value=1, max_value=10**7),
        st.floats(min_value=0.0, max_value=20.0),
        st.floats(min_value=0.0, max_value=1.0),
    )
    return st.lists(one, min_size=1, max_size=len(names)).map(
        lambda rows: [report(names[i], *row) for i, row in enumerate(rows)]
    )


def test_by_size_a_share_is_the_part_of_all_label_tokens() -> None:
    # 100, 300, 600 of 1000
    found = shares(sizes(100, 300, 600), BY_SIZE)

    assert found == pytest.approx({"s0": 0.1, "s1": 0.3, "s2": 0.6}, abs=1e-15)


def test_by_loss_it_is_the_released_rule_exp_of_one_minus_loss_normalised() -> None:
    losses = {"a": 0.3, "b": 0.5, "c": 1.7}
    released = {site: math.exp(1 - loss) for site, loss in losses.items()}
    expected = {site: weight / sum(released.values()) for site, weight in released.items()}

    found = shares(
        [report(site, 1 + i, loss) for i, (site, loss) in enumerate(losses.items())], BY_LOSS
    )

    assert found == pytest.approx(expected, abs=1e-15)
    # exp(0.7) / exp(0.5) = exp(0.2)
    assert found["a"] / found["b"] == pytest.approx(1.2214, abs=1e-4)


def test_size_loss_and_shift_multiply() -> None:
    weighting = Weighting(
        size_exponent=0.5, loss_temperature=10 * math.log(2), shift_temperature=math.log(4)
    )
    # a: sqrt(100) * 2^-1 * 4^0 = 5;  b: sqrt(400) * 2^-2 * 4^-0.5 = 2.5
    found = shares([report("a", 100, 0.1, 0.0), report("b", 400, 0.2, 0.5)], weighting)

    assert found == pytest.approx({"a": 2 / 3, "b": 1 / 3}, abs=1e-15)


def test_factors_say_what_each_part_gave_with_mean_one() -> None:
    weighting = Weighting(
        size_exponent=1.0, loss_temperature=10 * math.log(2), shift_temperature=0.0
    )
    found = share_factors([report("b", 300, 0.2), report("a", 100, 0.1)], weighting)

    # sizes 100, 300, mean 200; losses 2^-1, 2^-2, mean 3/8
    assert list(found) == ["a", "b"]
    assert found["a"] == pytest.approx({"size": 0.5, "loss": 4 / 3, "shift": 1.0})
    assert found["b"] == pytest.approx({"size": 1.5, "loss": 2 / 3, "shift": 1.0})


@given(reports_of())
def test_factors_multiply_to_the_share_up_to_one_number(reports: list[SiteReport]) -> None:
    weighed = weigh(reports, BY_ALL)

    products = {site: math.prod(parts.values()) for site, parts in weighed.factors.items()}
    total = sum(products.values())
    assert {site: p / total for site, p in products.items()} == pytest.approx(
        dict(weighed.shares), rel=1e-9
    )


@given(reports_of())
def test_shares_are_positive_and_sum_to_one_in_name_order(reports: list[SiteReport]) -> None:
    found = shares(list(reversed(reports)), BY_ALL)

    assert list(found) == sorted(r.site for r in reports)
    assert all(share > 0 for share in found.values())
    assert math.fsum(found.values()) == pytest.approx(1.0, abs=1e-12)


@given(reports_of(), st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_change_a_bit(reports: list[SiteReport], rng: Random) -> None:
    shuffled = rng.sample(reports, len(reports))

    assert weigh(shuffled, BY_ALL) == weigh(reports, BY_ALL)


@given(reports_of(), st.integers(min_value=2, max_value=1000))
def test_only_relative_size_counts(reports: list[SiteReport], factor: int) -> None:
    larger = [report(r.site, r.num_tokens * factor, r.validation_loss, r.shift) for r in reports]

    assert shares(larger, BY_ALL) == pytest.approx(shares(reports, BY_ALL), rel=1e-9)


@given(reports_of())
def test_only_differences_of_loss_count(reports: list[SiteReport]) -> None:
    worse = [report(r.site, r.num_tokens, (r.validation_loss or 0.0) + 5, r.shift) for r in reports]

    assert shares(worse, BY_ALL) == pytest.approx(shares(reports, BY_ALL), rel=1e-9)


def test_equal_reports_get_equal_shares() -> None:
    found = shares([report(site, 70, 0.4, 0.2) for site in "abcd"], BY_ALL)

    assert set(found.values()) == {0.25}


def test_a_lower_loss_and_a_lower_shift_never_get_less() -> None:
    found = shares(
        [report("a", 50, 0.1, 0.3), report("b", 50, 0.2, 0.3), report("c", 50, 0.2, 0.4)], BY_ALL
    )

    assert found["a"] > found["b"] > found["c"]


def test_one_site_alone_gets_everything() -> None:
    assert shares([report("a", 3, 9.0, 1.0)], BY_ALL) == {"a": 1.0}


def test_huge_losses_and_sizes_neither_overflow_nor_vanish() -> None:
    # exp(-1e6) is 0 and 10^200 tokens to the 4th are beyond float64; their ratios are 1 and e^-1.
    weighting = Weighting(size_exponent=4.0, loss_temperature=1.0, shift_temperature=0.0)
    found = shares([report("a", 10**200, 1e6), report("b", 10**200, 1e6 + 1)], weighting)

    assert found["a"] / found["b"] == pytest.approx(math.e)


def test_a_loss_beyond_all_bounds_does_not_overflow_on_its_way() -> None:
    # 10 * 1e308 is infinite; the difference to the smallest loss is 0.
    weighting = Weighting(size_exponent=1.0, loss_temperature=10.0, shift_temperature=0.0)
    found = shares([report("a", 1, 1e308), report("b", 3, 1e308)], weighting)

    assert found == pytest.approx({"a": 0.25, "b": 0.75})


def test_a_share_that_vanishes_is_an_error_naming_the_site() -> None:
    weighting = Weighting(size_exponent=1.0, loss_temperature=1000.0, shift_temperature=0.0)

    with pytest.raises(AggregationError, match="share of b: found 0, expected more than 0"):
        shares([report("a", 10, 0.1), report("b", 10, 1.1)], weighting)


@pytest.mark.parametrize("num_tokens", [0, -5, math.nan, 1.5, True])
def test_an_unusable_size_is_an_error_naming_the_site(num_tokens: int) -> None:
    with pytest.raises(
        AggregationError, match=r"num_tokens of b: found .*, expected a whole number"
    ):
        shares([report("a", 10), report("b", num_tokens)], BY_SIZE)


@pytest.mark.parametrize("size_exponent", [0.0, 1.0])
def test_a_site_without_tokens_is_an_error_even_where_size_does_not_count(
    size_exponent: float,
) -> None:
    with pytest.raises(AggregationError, match="num_tokens of b"):
        shares([report("a", 10), report("b", 0)], Weighting(size_exponent, 0.0, 0.0))


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_loss_or_shift_that_is_needed_must_be_there_and_finite(value: float | None) -> None:
    good = report("a", 10, 0.5, 0.5)

    with pytest.raises(AggregationError, match="validation_loss of b: found"):
        shares([good, report("b", 10, value, 0.5)], BY_ALL)
    with pytest.raises(AggregationError, match="shift of b: found"):
        shares([good, report("b", 10, 0.5, value)], BY_ALL)


def test_a_loss_or_shift_that_is_not_needed_is_not_looked_at() -> None:
    found = shares([report("a", 1, None, math.nan), report("b", 3, math.nan, None)], BY_SIZE)

    assert found == pytest.approx({"a": 0.25, "b": 0.75})


def test_no_site_and_a_site_twice_are_errors() -> None:
    with pytest.raises(AggregationError, match="found no site"):
        shares([], BY_SIZE)
    with pytest.raises(AggregationError, match="reports of a: found two, expected one"):
        shares([report("a", 1), report("b", 1), report("a", 1)], BY_SIZE)


def test_what_is_cut_off_goes_to_the_others_in_proportion() -> None:
    # 0.1, 0.2, 0.7: the last is cut to 0.5; the other 0.5 goes 1 : 2.
    found = shares(sizes(100, 200, 700), Weighting(1.0, 0.0, 0.0, max_share=0.5))

    assert found == pytest.approx({"s0": 1 / 6, "s1": 1 / 3, "s2": 0.5}, abs=1e-15)


def test_sites_lifted_above_the_limit_are_cut_in_turn() -> None:
    # 0.04, 0.16, 0.2, 0.6, limit 0.3. The last is cut, 0.7 is left for 0.4: 0.07, 0.28, 0.35.
    # 0.35 is cut, 0.4 is left for 0.2: 0.08, 0.32. 0.32 is cut, 0.1 is left for the first.
    found = shares(sizes(4, 16, 20, 60), Weighting(1.0, 0.0, 0.0, max_share=0.3))

    assert found == pytest.approx({"s0": 0.1, "s1": 0.3, "s2": 0.3, "s3": 0.3}, abs=1e-15)


@given(reports_of(), st.floats(min_value=0.26, max_value=1.0))
def test_no_share_is_above_the_limit_and_the_sum_stays_one(
    reports: list[SiteReport], max_share: float
) -> None:
    limit = max(max_share, 1 / len(reports))
    found = shares(reports, Weighting(1.0, 0.5, 0.5, max_share=limit))

    assert max(found.values()) <= limit + 1e-12
    assert math.fsum(found.values()) == pytest.approx(1.0, abs=1e-9)


def test_a_limit_just_at_one_over_the_sites_makes_all_equal() -> None:
    # In float64, 49 * (1 / 49) is a hair below 1.
    found = shares(sizes(*range(1, 50)), Weighting(1.0, 0.0, 0.0, max_share=1 / 49))

    assert found == pytest.approx({f"s{i}": 1 / 49 for i in range(49)}, abs=1e-12)


def test_a_limit_too_low_for_the_sites_is_an_error() -> None:
    with pytest.raises(AggregationError, match=r"max_share: found 0\.3 for 3 sites, .* 0\.3333"):
        shares(sizes(1, 1, 1), Weighting(1.0, 0.0, 0.0, max_share=0.3))


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        ((-1.0, 0.0, 0.0, 1.0), "size_exponent"),
        ((0.0, math.nan, 0.0, 1.0), "loss_temperature"),
        ((0.0, 0.0, math.inf, 1.0), "shift_temperature"),
        ((0.0, 0.0, 0.0, 0.0), "max_share"),
        ((0.0, 0.0, 0.0, 1.5), "max_share"),
        ((0.0, 0.0, 0.0, math.nan), "max_share"),
    ],
)
def test_a_weighting_out_of_range_is_refused(
    numbers: tuple[float, float, float, float], name: str
) -> None:
    with pytest.raises(ValueError, match=f"{name}: found"):
        Weighting(*numbers)
