import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.evaluation.calibration import (
    FEWEST,
    Calibration,
    Kind,
    Reached,
    Rows,
    bin_of,
    calibrated,
    confidences,
    counted,
    expected_calibration_error,
    isotonic,
    middles,
    reliability,
    summed,
)
from fedmedlora.tasks.findings import Findings, Link, Span
from fedmedlora.tasks.scoring import judged

PAIN, DRUG, DOSE = Span(0, 4, "problem"), Span(5, 9, "drug"), Span(10, 14, "dosage")
HALF, SURE = math.log(0.5), math.log(0.99)


def rows(*pairs: tuple[int, int]) -> Rows:
    return np.array(pairs, np.int64)


class TestBins:
    def test_are_even_in_log_odds(self) -> None:
        # Of four from -8 to 8 each is 4 wide: log-odds of -0.01 and 0 lie on either side of 0,
        # those of 0.98 are 3.9 and those of 0.99 are 4.6.
        given = [0.4975, 0.5, 0.98, 0.99]
        assert [bin_of(math.log(p), num_bins=4) for p in given] == [1, 2, 2, 3]

    @pytest.mark.parametrize(("log_prob", "place"), [(0.0, 3), (-1e-12, 3), (-1e-300, 3), (-80, 0)])
    def test_what_lies_beyond_counts_in_the_first_or_the_last(
        self, log_prob: float, place: int
    ) -> None:
        assert bin_of(log_prob, num_bins=4) == place

    def test_count_with_the_confidence_at_their_middle(self) -> None:
        # Log-odds -6, -2, 2 and 6: 1 / (1 + exp(2)) = 0.1192.
        assert middles(4) == pytest.approx([0.00247, 0.1192, 0.8808, 0.99753], abs=5e-5)

    @given(st.floats(1e-3, 0.999), st.integers(1, 200))
    def test_the_middle_of_a_bin_lies_in_it(self, probability: float, num_bins: int) -> None:
        place = bin_of(math.log(probability), num_bins=num_bins)

        assert bin_of(math.log(middles(num_bins)[place]), num_bins=num_bins) == place


class TestCounting:
    def test_a_find_is_right_if_type_start_and_end_are(self) -> None:
        gold = Findings((PAIN,))
        found = Findings((PAIN, DRUG), log_probs={PAIN: HALF, DRUG: HALF, Span(0, 3, "problem"): 0})

        ner = counted(judged(gold, found), num_bins=4)["ner"]

        assert ner.tolist() == [[0, 0], [0, 0], [2, 1], [1, 0]]

    def test_a_relation_is_right_if_both_its_ends_are(self) -> None:
        gold = Findings((DRUG, PAIN), (Link(DRUG, DOSE),))
        links: dict[Span | Link, float] = {Link(DRUG, DOSE): SURE, Link(PAIN, DOSE): SURE}
        found = Findings((DRUG, PAIN), log_probs=links)

        counts = counted(judged(gold, found), num_bins=4)

        assert counts["re"].tolist() == [[0, 0], [0, 0], [0, 0], [2, 1]]
        assert not counts["ner"].any()

    def test_notes_and_sites_add(self) -> None:
        one = counted({"ner": [(0.0, True)] * 2, "re": []}, num_bins=1)

        total = summed([one, {"ner": rows((3, 0))}])

        assert {kind: total[kind].tolist() for kind in total} == {"ner": [[5, 2]], "re": [[0, 0]]}

    def test_nothing_is_counted_where_nobody_asks(self) -> None:
        assert counted({"ner": [(0.0, True)]}, num_bins=0) == {}


class TestIsotonic:
    def test_shares_that_rise_stay(self) -> None:
        # 10 / 40 and 30 / 40.
        assert isotonic(rows((40, 10), (40, 30))) == (0.25, 0.75)

    def test_shares_that_fall_are_pooled(self) -> None:
        # 20 / 40 falls to 10 / 60: together 30 / 100; then 90 / 100 stands.
        assert isotonic(rows((40, 20), (60, 10), (100, 90))) == pytest.approx([0.3, 0.3, 0.9])

    def test_a_pool_that_falls_below_the_one_before_takes_it_in(self) -> None:
        # 0.5, then 0.6, then 0.1 of 100 each: (60 + 10) / 200 = 0.35 < 0.5, so 120 / 300 = 0.4.
        told = isotonic(rows((100, 50), (100, 60), (100, 10)))

        assert told == pytest.approx([0.4, 0.4, 0.4])

    def test_a_bin_without_finds_lies_between_its_neighbours(self) -> None:
        told = isotonic(rows((0, 0), (50, 10), (0, 0), (50, 40), (0, 0)))

        assert told == pytest.approx([0.2, 0.2, 0.5, 0.8, 0.8])

    def test_of_too_few_finds_nothing_is_said(self) -> None:
        assert isotonic(rows((FEWEST - 1, 3))) is None
        assert isotonic(rows((FEWEST, 25))) == (0.5,)

    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
    def test_never_falls_and_keeps_the_mean(self, drawn: Sequence[tuple[int, int]]) -> None:
        given_rows = rows((FEWEST, FEWEST // 2), *((max(pair), min(pair)) for pair in drawn))

        told = isotonic(given_rows)

        assert told is not None
        assert np.all(np.diff(told) >= -1e-12)
        found, right = given_rows.T
        assert float(np.array(told) @ found) == pytest.approx(right.sum())


class TestReliability:
    def test_bins_of_about_one_confidence_are_told_together(self) -> None:
        # 0.52 and 0.58 lie in the sixth tenth: (10 x 0.52 + 30 x 0.58) / 40 = 0.565, 20 / 40.
        told = reliability([0.1, 0.52, 0.58, 1.0], rows((0, 0), (10, 5), (30, 15), (4, 4)))

        assert [(one.found, one.right) for one in told] == [(40, 0.5), (4, 1.0)]
        assert [one.confidence for one in told] == pytest.approx([0.565, 1.0])

    def test_the_error_is_the_mean_over_finds(self) -> None:
        # (40 x |0.5 - 0.565| + 10 x |1 - 0.9|) / 50 = (2.6 + 1) / 50.
        told = expected_calibration_error([Reached(40, 0.565, 0.5), Reached(10, 0.9, 1.0)])

        assert told == pytest.approx(0.072)

    def test_without_finds_it_is_undefined(self) -> None:
        assert expected_calibration_error(reliability([0.5], rows((0, 0)))) is None

    @given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12))
    def test_is_nothing_where_confidence_is_the_share(
        self, drawn: Sequence[tuple[int, int]]
    ) -> None:
        given_rows = rows((FEWEST, 0), *((max(pair), min(pair)) for pair in drawn))
        told = isotonic(given_rows)

        assert told is not None
        reached = reliability(told, given_rows)
        assert expected_calibration_error(reached) == pytest.approx(0, abs=1e-9)


class TestCalibration:
    def test_a_find_has_the_value_of_its_bin(self) -> None:
        own = Calibration(ner=(0.1, 0.2, 0.60049, 0.9))

        found = Findings((PAIN, DRUG), log_probs={PAIN: HALF, DRUG: SURE})

        assert confidences(found, own) == {PAIN: 0.6, DRUG: 0.9}

    def test_of_a_kind_that_was_not_calibrated_nothing_is_made_up(self) -> None:
        found = Findings((PAIN,), log_probs={PAIN: HALF, Link(PAIN, DOSE): HALF})

        assert confidences(found, Calibration(ner=(0.5,))) == {PAIN: 0.5}
        assert confidences(found, Calibration(re=(0.1, 0.2))) == {Link(PAIN, DOSE): 0.2}
        assert confidences(Findings((PAIN,)), Calibration(ner=(0.5,))) == {}

    def test_sites_count_together_and_kinds_apart(self) -> None:
        few: list[dict[Kind, Rows]] = [
            {"ner": rows((30, 30)), "re": rows((30, 0))},
            {"ner": rows((30, 0))},
        ]

        assert calibrated(few) == Calibration(ner=(0.5,))
        assert calibrated([]) == Calibration()
