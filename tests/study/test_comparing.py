import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.study.kept import Rows, one_arm, one_cell

from fedmedlora.study.comparing import (
    BEST_SINGLE,
    MEAN_SINGLE,
    Estimate,
    Figures,
    Over,
    arms_of,
    holm,
)

NER = "ner_strict"
ALL, HALF, NONE = [(1, 0, 0)], [(1, 1, 1)], [(0, 1, 1)]
"""One note with F1 1, 2 / 4 and 0."""


def figures(*cells: tuple[int, dict[str, dict[str, Rows]]]) -> Figures:
    """Return figures of cells, each a seed with arms by name, with 200 draws."""
    read = [
        (seed, one_cell(*(one_arm(name, sites) for name, sites in arms.items())))
        for seed, arms in cells
    ]
    return Figures(arms_of(read), replicates=200)


def value(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


class TestHolm:
    def test_numbers_by_hand(self) -> None:
        # Sorted 0.01, 0.02, 0.04, times 3, 2 and 1: 0.03, 0.04, 0.04.
        assert holm({"c": 0.04, "a": 0.01, "b": 0.02}) == {"a": 0.03, "b": 0.04, "c": 0.04}

    def test_a_larger_p_never_becomes_the_smaller_one(self) -> None:
        # 3 * 0.02 = 0.06; 2 * 0.025 = 0.05 is below it and becomes 0.06; 1 * 0.03 too.
        assert holm({"a": 0.02, "b": 0.025, "c": 0.03}) == dict.fromkeys("abc", 0.06)

    def test_no_p_is_above_one(self) -> None:
        assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}

    def test_one_comparison_is_not_corrected(self) -> None:
        assert holm({"a": 0.04}) == {"a": 0.04}

    @given(st.dictionaries(st.text(max_size=2), st.floats(0.001, 1), max_size=6))
    def test_corrected_ps_stand_in_the_same_order_and_are_no_smaller(
        self, ps: dict[str, float]
    ) -> None:
        corrected = holm(ps)

        assert all(ps[name] <= corrected[name] <= 1 for name in ps)
        by_p = sorted(ps, key=lambda name: ps[name])
        assert [corrected[name] for name in by_p] == sorted(corrected.values())


class TestOverSites:
    @pytest.mark.parametrize(
        ("over", "expected"),
        # F1 1 and 1 / 2: mean 3 / 4, least 1 / 2, harmonic 2 / (1 + 2).
        [("mean", 0.75), ("min", 0.5), ("harmonic_mean", 2 / 3)],
    )
    def test_numbers_by_hand(self, over: Over, expected: float) -> None:
        found = figures((0, {"x": {"a": ALL, "b": HALF}})).estimate("x", NER, ["a", "b"], over)

        assert value(found) == pytest.approx(expected, abs=1e-15)

    def test_a_harmonic_mean_with_a_zero_is_zero(self) -> None:
        told = figures((0, {"x": {"a": ALL, "b": NONE}}))

        assert value(told.estimate("x", NER, ["a", "b"], "harmonic_mean")) == 0.0

    @pytest.mark.parametrize("over", ["mean", "min", "harmonic_mean"])
    def test_a_site_that_was_not_scored_is_skipped(self, over: Over) -> None:
        told = figures((0, {"x": {"a": HALF}}))

        assert value(told.estimate("x", NER, ["a", "b"], over)) == pytest.approx(0.5)
        assert told.estimate("x", NER, ["b"], over) is None
        assert told.estimate("x", "re_gold_strict", ["a"], over) is None


class TestSeeds:
    def test_a_figure_is_the_mean_over_seeds_and_each_seed_stands_beside_it(self) -> None:
        told = figures((0, {"x": {"a": ALL}}), (1, {"x": {"a": HALF}}))

        found = told.estimate("x", NER, ["a"], "mean")

        assert found is not None
        assert (found.value, found.of_seeds, found.p) == (0.75, (1.0, 0.5), None)
        # One note is drawn again and again: no other set of notes could be had.
        assert found.ci95 == (0.75, 0.75)

    def test_the_lowest_site_is_looked_for_in_each_seed(self) -> None:
        told = figures((0, {"x": {"a": ALL, "b": NONE}}), (1, {"x": {"a": NONE, "b": ALL}}))

        # (0 + 0) / 2; of the sites' means, 1 / 2 each, it would be 1 / 2.
        assert value(told.estimate("x", NER, ["a", "b"], "min")) == 0.0


class TestDifference:
    def test_it_is_positive_where_the_first_is_better(self) -> None:
        told = figures((0, {"x": {"a": ALL}, "y": {"a": HALF}}))

        found = told.difference("x", "y", NER, ["a"], "mean")

        assert found is not None
        # No draw of 200 is at most 0, all are at least 0: 2 * (0 + 1) / 201.
        assert (found.value, found.ci95, found.p) == (0.5, (0.5, 0.5), 2 / 201)

    def test_an_arm_differs_from_its_like_by_nothing_for_sure(self) -> None:
        notes = [(1, 0, 2), (3, 1, 0), (0, 2, 1)]
        told = figures((0, {"x": {"a": notes}, "y": {"a": notes}}))

        found = told.difference("x", "y", NER, ["a"], "mean")

        # All 200 draws are both at most 0 and at least 0: min(1, 2 * 201 / 201).
        assert found == Estimate(0.0, (0.0, 0.0), (0.0,), 1.0)

    def test_the_same_notes_are_drawn_for_both(self) -> None:
        # A hard note and an easy one; y misses one finding more in each.
        x, y = [(8, 0, 2), (1, 0, 9)], [(7, 0, 3), (0, 0, 10)]
        told = figures((0, {"x": {"a": x}, "y": {"a": y}}))

        found = told.difference("x", "y", NER, ["a"], "mean")
        alone = told.estimate("x", NER, ["a"], "mean")

        assert found is not None
        assert found.ci95 is not None
        assert alone is not None
        assert alone.ci95 is not None
        # Drawn apart, a draw of two hard notes would meet one of two easy ones.
        assert found.ci95[0] > 0
        assert found.ci95[1] - found.ci95[0] < (alone.ci95[1] - alone.ci95[0]) / 4

    def test_seeds_are_paired_in_their_order(self) -> None:
        told = figures(
            (0, {"x": {"a": ALL}, "y": {"a": HALF}}), (1, {"x": {"a": HALF}, "y": {"a": NONE}})
        )

        found = told.difference("x", "y", NER, ["a"], "mean")

        assert found is not None
        assert (found.value, found.of_seeds) == (0.5, (0.5, 0.5))

    def test_arms_are_compared_where_both_were_scored(self) -> None:
        told = figures((0, {"x": {"a": HALF}, "y": {"a": HALF, "b": NONE}}))

        found = told.difference("x", "y", NER, ["a", "b"], "mean")

        # Over its own sites y has (1 / 2 + 0) / 2, and x would be ahead by 1 / 4 of nothing.
        assert value(found) == 0.0
        assert told.difference("x", "y", NER, ["b"], "mean") is None

    def test_an_arm_that_is_not_there_is_neither_better_nor_an_opponent(self) -> None:
        told = figures((0, {"x": {"a": ALL}}))

        assert told.difference("x", "y", NER, ["a"], "mean") is None
        assert told.difference("x", BEST_SINGLE, NER, ["a"], "mean") is None
        assert told.difference("y", "x", NER, ["a"], "mean") is None

    def test_single_sites_are_opponents_as_the_best_and_as_their_mean(self) -> None:
        told = figures(
            (
                0,
                {
                    "x": {"a": ALL, "b": ALL},
                    "single_site:a": {"a": HALF, "b": NONE},
                    "single_site:b": {"a": HALF, "b": HALF},
                },
            )
        )

        # Alone: (1 / 2 + 0) / 2 = 1 / 4 and 1 / 2; the best is 1 / 2, their mean 3 / 8.
        assert value(told.difference("x", BEST_SINGLE, NER, ["a", "b"], "mean")) == 0.5
        assert value(told.difference("x", MEAN_SINGLE, NER, ["a", "b"], "mean")) == 0.625


class TestArm:
    def test_arms_of_one_cell_stand_apart_and_seeds_together(self) -> None:
        cells = [
            (seed, one_cell(one_arm("x", {"a": ALL}, dev=[{}, {}]), one_arm("y", {"a": ALL})))
            for seed in (3, 1)
        ]

        arms = arms_of(cells)

        assert {name: arm.seeds for name, arm in arms.items()} == {"x": (3, 1), "y": (3, 1)}
        # 10 up, 20 and 30 down, in two rounds.
        assert (arms["x"].bytes_sent, arms["x"].seconds) == (120.0, 2.0)


def test_a_site_is_drawn_alike_whatever_else_is_looked_at() -> None:
    notes: Rows = [(1, 0, 2), (3, 1, 0), (0, 2, 1), (5, 0, 0)]
    scores: dict[str, dict[str, Rows]] = {"x": {"a": notes, "b": notes[:3]}}
    alone, after_b = figures((0, scores)), figures((0, scores), (1, scores))

    after_b.estimate("x", NER, ["b"], "mean")

    assert (after_b.f1("x", NER, "a")[1] == alone.f1("x", NER, "a")[0]).all()
