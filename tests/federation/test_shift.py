import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedmedlora.errors import AggregationError
from fedmedlora.federation.shift import count_tokens, most_frequent, token_shift


def counts(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


COUNTS = st.lists(st.integers(min_value=0, max_value=10**6), min_size=4, max_size=4).filter(any)


def test_half_of_the_words_in_common_is_a_shift_of_one_half() -> None:
    # P = (1/2, 1/2, 0), Q = (0, 1/2, 1/2), M = (1/4, 1/2, 1/4)
    # KL(P|M) = 1/2 * log2(2) + 1/2 * log2(1) = 1/2 = KL(Q|M)
    found = token_shift({"a": counts(1, 1, 0), "b": counts(0, 5, 5)})

    assert found == {"a": 0.5, "b": 0.5}


def test_a_site_is_held_against_the_tokens_of_the_others_not_their_mean() -> None:
    # Others of a together: (1, 3). P = (1/2, 1/2), Q = (1/4, 3/4), M = (3/8, 5/8)
    # KL(P|M) = 1/2 * log2(4/3) + 1/2 * log2(4/5) = 0.046554
    # KL(Q|M) = 1/4 * log2(2/3) + 3/4 * log2(6/5) = 0.051034;  half of the sum: 0.048794
    found = token_shift({"a": counts(2, 2), "b": counts(0, 3), "c": counts(1, 0)})

    assert found["a"] == pytest.approx(0.048794, abs=1e-6)


def test_sites_with_nothing_in_common_are_at_one() -> None:
    assert token_shift({"b": counts(0, 3), "a": counts(7, 0)}) == {"a": 1.0, "b": 1.0}


def test_rounding_does_not_lead_out_of_zero_to_one() -> None:
    # Summed in float64, the first pair comes out a hair above 1 and the second a hair below 0.
    disjoint = {
        "a": counts(9, 6, 7, 7, 1, 0, 0, 0, 0, 0),
        "b": counts(0, 0, 0, 0, 0, 7, 7, 1, 8, 2),
    }
    alike = {"a": counts(10**9 + 2, 10**9, 10**9), "b": counts(10**9, 10**9 + 1, 10**9)}

    assert token_shift(disjoint) == {"a": 1.0, "b": 1.0}
    assert token_shift(alike) == {"a": 0.0, "b": 0.0}


def test_equal_distributions_are_at_zero_whatever_their_size() -> None:
    found = token_shift({"a": counts(1, 2, 4), "b": counts(3, 6, 12), "c": counts(10, 20, 40)})

    assert list(found) == ["a", "b", "c"]
    assert max(found.values()) < 1e-15


def test_a_site_alone_differs_from_nobody() -> None:
    assert token_shift({"a": counts(3, 1)}) == {"a": 0.0}


@given(COUNTS, COUNTS)
def test_two_sites_are_as_far_from_each_other(one: list[int], other: list[int]) -> None:
    found = token_shift({"a": counts(*one), "b": counts(*other)})

    assert found["a"] == pytest.approx(found["b"], abs=1e-12)


@given(st.dictionaries(st.sampled_from("abcde"), COUNTS, min_size=1))
def test_a_shift_lies_between_zero_and_one(by_site: dict[str, list[int]]) -> None:
    found = token_shift({site: counts(*values) for site, values in by_site.items()})

    assert all(0.0 <= shift <= 1.0 for shift in found.values())


@given(st.dictionaries(st.sampled_from("abcde"), COUNTS, min_size=2))
def test_names_and_their_order_do_not_matter(by_site: dict[str, list[int]]) -> None:
    arrays = {site: counts(*values) for site, values in by_site.items()}
    reversed_order = {site: arrays[site] for site in reversed(list(arrays))}

    assert token_shift(arrays) == token_shift(reversed_order)


@pytest.mark.parametrize("bad", [counts(0, 0), counts(4, -1)])
def test_a_site_without_tokens_is_an_error_naming_it(bad: NDArray[np.int64]) -> None:
    with pytest.raises(AggregationError, match="token counts of b: found"):
        token_shift({"a": counts(1, 1), "b": bad})


def test_a_site_alone_without_tokens_is_an_error_too() -> None:
    with pytest.raises(AggregationError, match="token counts of a"):
        token_shift({"a": counts(0, 0)})


def test_counts_over_another_vocabulary_are_an_error_naming_the_site() -> None:
    with pytest.raises(AggregationError, match=r"token counts of b: found shape \(3,\), expected"):
        token_shift({"a": counts(1, 1), "b": counts(1, 1, 1)})


def test_tokens_are_counted_in_the_order_of_the_vocabulary_and_the_rest_last() -> None:
    found = count_tokens(iter([7, 3, 7, 99, 5, 7]), vocabulary=(3, 7, 4))

    # 3 once, 7 three times, 4 never; 99 and 5 are the rest
    assert found.tolist() == [1, 3, 0, 2]
    assert found.dtype == np.int64


def test_a_vocabulary_with_a_token_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="vocabulary: found a token twice"):
        count_tokens([1], vocabulary=(1, 2, 1))


def test_most_frequent_tokens_come_first_and_ties_by_id() -> None:
    # 5 three times, 2 and 9 twice, 1 once
    ids = [9, 5, 2, 1, 5, 2, 9, 5]

    assert most_frequent(ids, size=3) == (5, 2, 9)
    assert most_frequent(ids) == (5, 2, 9, 1)
