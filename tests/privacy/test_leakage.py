import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedmedlora.privacy.leakage import (
    auc,
    exposure,
    interval,
    recall_at,
    standing_out,
    true_positive_rate,
)


def scores(*values: float) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


FEW = st.lists(st.integers(-5, 5), min_size=1, max_size=8).map(lambda given: scores(*given))


def test_the_auc_counts_pairs_and_half_of_those_that_tie() -> None:
    # 3 beats 1, 2, 2; 2 beats 1 and ties twice; 0 beats none: (3 + 1 + 2/2 + 0) / 9.
    assert auc(scores(3, 2, 0), scores(1, 2, 2)) == pytest.approx(5 / 9, abs=1e-15)


def test_an_attack_that_sees_everything_has_1_and_one_that_sees_nothing_a_half() -> None:
    assert auc(scores(3, 4), scores(1, 2)) == 1.0
    assert auc(scores(1, 1), scores(1, 1, 1)) == 0.5


@given(members=FEW, others=FEW)
def test_whoever_swaps_members_and_others_has_the_rest_to_1(
    members: NDArray[np.float64], others: NDArray[np.float64]
) -> None:
    assert auc(members, others) + auc(others, members) == pytest.approx(1, abs=1e-12)


def test_of_few_others_none_may_be_accused() -> None:
    # floor(0.01 * 4) = 0 others may lie above: only 9 is above 8.
    assert true_positive_rate(scores(9, 8, 7, 0), scores(8, 1, 2, 3)) == 0.25


def test_of_a_hundred_others_one_may_be_accused() -> None:
    # floor(0.01 * 100) = 1: above the second largest, 98, are 99.5 and 98.5 of the members.
    others = np.arange(100, dtype=np.float64)

    assert true_positive_rate(scores(99.5, 98.5, 98, 0), others) == 0.5


def test_a_share_of_false_positives_can_be_asked_for() -> None:
    # floor(0.5 * 4) = 2: above the third largest, 2.
    members, others = scores(2.5, 1.5), scores(1, 2, 3, 4)

    assert true_positive_rate(members, others, false_positives=0.5) == 0.5


def test_an_interval_of_scores_that_never_mix_is_a_point() -> None:
    members, others = scores(3, 4, 5), scores(0, 1, 2)

    assert interval(auc, members, others, replicates=50, seed=0) == (1.0, 1.0)


def test_both_members_and_others_are_drawn_with_replacement() -> None:
    # A mean of two draws of 0 and 1 is 0 or 1 in half of the cases.
    ends = {"replicates": 200, "seed": 0}

    assert interval(lambda drawn, _: float(drawn.mean()), scores(0, 1), scores(9), **ends) == (0, 1)
    assert interval(lambda _, drawn: float(drawn.mean()), scores(9), scores(0, 1), **ends) == (0, 1)


def test_an_interval_leaves_out_a_fortieth_at_each_end() -> None:
    figures = iter(range(1001))

    ends = interval(lambda *_: next(figures), scores(0), scores(0), replicates=1001, seed=0)

    assert ends == (25, 975)


def test_an_interval_holds_the_figure_and_follows_from_its_seed() -> None:
    rng = np.random.default_rng(0)
    members, others = rng.normal(0.5, size=60), rng.normal(size=60)

    low, high = interval(auc, members, others, replicates=200, seed=1)

    assert low < auc(members, others) < high
    # The standard error of an AUC near 0.64 with 60 of each is about 0.05, so ends are 0.2 apart.
    assert 0.1 < high - low < 0.3
    assert (low, high) == interval(auc, members, others, replicates=200, seed=1)


def test_a_secret_that_ranks_first_among_eight_gives_three_bits() -> None:
    assert exposure(0.5, scores(1, 2, 3, 4, 5, 6, 7)) == 3.0


def test_a_secret_that_ranks_last_or_second_gives_less() -> None:
    candidates = scores(1, 2, 3, 4, 5, 6, 7)

    assert exposure(9, candidates) == 0.0
    assert exposure(1.5, candidates) == 2.0  # log2 8 - log2 2


def test_candidates_that_tie_with_a_secret_count_half() -> None:
    # Rank 1 + 1 + 2/2 = 3 of 8.
    assert exposure(1, scores(0, 1, 1, 4, 5, 6, 7)) == pytest.approx(3 - math.log2(3), abs=1e-15)


def test_a_guess_has_the_bits_that_are_said() -> None:
    candidates = np.arange(1, 1000, dtype=np.float64)

    bits = [exposure(rank + 0.5, candidates) for rank in range(1000)]

    assert np.mean(bits) == pytest.approx(1 / math.log(2), abs=0.01)


def test_recall_counts_those_in_use_among_the_first() -> None:
    in_use = np.array([True, False, True, True])

    # The two highest are tokens 1 and 2, of which 2 is in use: one of three.
    assert recall_at(scores(0, 5, 4, 1), in_use, 2) == pytest.approx(1 / 3, abs=1e-15)
    assert recall_at(scores(0, 5, 4, 1), in_use, 4) == 1.0


def test_a_token_stands_out_by_how_far_a_change_moves_it_from_the_mean() -> None:
    change = np.array([[1.0, 0.0]])
    inputs = np.array([[5.0, 1.0], [1.0, 1.0], [3.0, 3.0], [3.0, -1.0]])

    # Mean (3, 1), both variances 2, so r = 0.002: 2 / sqrt(2.002) along the first axis, else 0.
    far = 2 / math.sqrt(2.002)
    assert standing_out([change], inputs) == pytest.approx([far, far, 0, 0], abs=1e-12)


def test_a_direction_in_which_tokens_differ_more_counts_no_more_for_it() -> None:
    inputs = np.array([[10.0, 0.0], [-10.0, 0.0], [0.0, 1.0], [0.0, -1.0]])

    # Variances 50 and 0.5, r = 0.02525: 10 / sqrt(50.02525) and 1 / sqrt(0.52525).
    found = standing_out([np.eye(2)], inputs)
    assert found[0] == pytest.approx(10 / math.sqrt(50.02525), abs=1e-12)
    assert found[2] == pytest.approx(1 / math.sqrt(0.52525), abs=1e-12)


def test_layers_add_up_their_squares() -> None:
    inputs = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    changes = [np.array([[3.0, 0.0]]), np.array([[0.0, 1.0], [4.0, 0.0]])]

    # Of the first axis (3, 0, 4), length 5, over the root of a variance of 0.5 and r = 0.0005.
    assert standing_out(changes, inputs)[0] == pytest.approx(5 / math.sqrt(0.5005), abs=1e-12)


def test_tokens_whose_gradients_made_a_change_stand_out() -> None:
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(200, 64))
    used = np.arange(200) < 8
    # A gradient of A is a sum of g x^T over the tokens that were read.
    change = sum(np.outer(rng.normal(size=4), inputs[token]) for token in range(8))

    assert recall_at(standing_out([np.asarray(change)], inputs), used, 8) >= 0.75
