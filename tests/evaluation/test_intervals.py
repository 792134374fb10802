import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fedmedlora.evaluation.intervals import (
    counts_of_notes,
    draws,
    f1_intervals,
    interval,
    mean_over_sites,
    micro_f1,
    tally,
)
from fedmedlora.tasks.counts import NoteCounts
from fedmedlora.tasks.findings import Findings, Link, Span
from fedmedlora.tasks.scoring import PARTS, count_note
from fedmedlora.tasks.tally import Tally

NAN = math.nan
PAIN = Span(0, 4, "problem")
SEVERE = Span(5, 9, "severity")


def simulated(rng: np.random.Generator, num_notes: int, recall: float) -> NDArray[np.int64]:
    """Return counts of notes with 5 findings each, `recall` of them found, and 1 in 2 false."""
    tp = rng.binomial(5, recall, num_notes)
    return np.stack([tp, rng.binomial(2, 0.25, num_notes), 5 - tp], axis=1)


def f1_replicates(
    counts: NDArray[np.int64], multiplicities: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the F1 of each draw of notes with such counts."""
    return micro_f1(multiplicities @ counts)


def width(bounds: tuple[float, float] | None) -> float:
    assert bounds is not None
    return bounds[1] - bounds[0]


class TestDraws:
    def test_every_replicate_has_as_many_notes_as_the_site(self) -> None:
        drawn = draws({"a": 7, "b": 3}, replicates=50, seed=1)

        assert {site: d.shape for site, d in drawn.items()} == {"a": (50, 7), "b": (50, 3)}
        assert {site: d.dtype for site, d in drawn.items()} == {"a": np.int64, "b": np.int64}
        assert (drawn["a"].sum(axis=1) == 7).all()
        assert (drawn["b"].sum(axis=1) == 3).all()

    def test_every_note_is_drawn_once_on_average(self) -> None:
        drawn = draws({"a": 10}, replicates=10_000, seed=1)["a"]

        # The mean of 10,000 draws of variance 0.9 has a standard error of 0.0095.
        assert drawn.mean(axis=0) == pytest.approx(np.ones(10), abs=0.05)
        assert drawn.var(axis=0) == pytest.approx(np.full(10, 0.9), abs=0.1)

    def test_the_seed_decides(self) -> None:
        one, again, other = (draws({"a": 9}, replicates=20, seed=seed)["a"] for seed in (1, 1, 2))

        assert (one == again).all()
        assert (one != other).any()

    def test_a_site_draws_the_same_whatever_the_other_sites_are(self) -> None:
        alone = draws({"b": 9}, replicates=20, seed=1)["b"]
        together = draws({"a": 9, "b": 9}, replicates=20, seed=1)

        assert (together["b"] == alone).all()
        assert (together["a"] != together["b"]).any()

    def test_a_site_without_notes_has_no_interval(self) -> None:
        drawn = draws({"a": 0}, replicates=20, seed=1)["a"]

        replicates = f1_replicates(np.zeros((0, 3), dtype=np.int64), drawn)

        assert drawn.shape == (20, 0)
        assert interval(replicates) is None


class TestF1Replicates:
    def test_numbers_by_hand(self) -> None:
        counts = np.array([[1, 0, 1], [0, 2, 0], [0, 0, 0]])
        multiplicities = np.array([[1, 1, 1], [3, 0, 0], [0, 3, 0], [0, 0, 3]])

        replicates = f1_replicates(counts, multiplicities)

        # tp, fp, fn: 1, 2, 1: 2 / 5; 3, 0, 3: 6 / 9; 0, 6, 0: 0; nothing at all: undefined.
        assert replicates.tolist()[:3] == [2 / 5, 6 / 9, 0.0]
        assert math.isnan(replicates[3])

    @given(st.permutations(range(6)))
    def test_the_order_of_notes_does_not_matter(self, order: list[int]) -> None:
        counts = simulated(np.random.default_rng(1), 6, 0.7)
        drawn = draws({"a": 6}, replicates=20, seed=1)["a"]
        each_once = np.ones((1, 6), dtype=np.int64)

        assert f1_replicates(counts[order], each_once) == f1_replicates(counts, each_once)
        assert (f1_replicates(counts[order], drawn[:, order]) == f1_replicates(counts, drawn)).all()


class TestInterval:
    def test_it_runs_between_the_percentiles(self) -> None:
        # 0 to 200: the 2.5th percentile is 200 * 0.025 = 5, the 97.5th 195.
        assert interval(np.arange(201.0)) == (5.0, 195.0)

    def test_undefined_replicates_are_skipped(self) -> None:
        assert interval(np.append(np.arange(201.0), [NAN, NAN])) == (5.0, 195.0)

    def test_it_is_undefined_where_all_replicates_are(self) -> None:
        assert interval(np.array([NAN, NAN])) is None

    def test_more_notes_narrow_it(self) -> None:
        widths = []
        for num_notes in (25, 400):
            counts = simulated(np.random.default_rng(1), num_notes, 0.7)
            drawn = draws({"a": num_notes}, replicates=500, seed=1)["a"]
            widths.append(width(interval(f1_replicates(counts, drawn))))

        # 16 times the notes, a quarter of the width: the standard error falls with the root.
        assert widths[1] / widths[0] == pytest.approx(0.25, abs=0.08)

    def test_it_covers_the_true_figure_about_as_often_as_it_says(self) -> None:
        rng = np.random.default_rng(1)
        true_f1 = 2 * 3.5 / (2 * 3.5 + 0.5 + 1.5)  # of 5, 3.5 found and 1.5 missed; 0.5 false
        covered = 0
        for seed in range(300):
            counts = simulated(rng, 50, 0.7)
            drawn = draws({"a": 50}, replicates=400, seed=seed)["a"]
            bounds = interval(f1_replicates(counts, drawn))
            covered += bounds is not None and bounds[0] <= true_f1 <= bounds[1]

        # 300 trials at 95 % have a standard error of 1.3 %; percentile intervals are a bit narrow.
        assert 0.91 <= covered / 300 <= 0.98


class TestMeanOverSites:
    def test_numbers_by_hand(self) -> None:
        by_site = {
            "a": np.array([0.25, 0.5, NAN]),
            "b": np.array([0.75, NAN, NAN]),
        }

        means = mean_over_sites(by_site)

        # (0.25 + 0.75) / 2; only a; nobody.
        assert means.tolist()[:2] == [0.5, 0.5]
        assert math.isnan(means[2])

    def test_sites_weigh_the_same_whatever_their_size(self) -> None:
        drawn = draws({"large": 90, "small": 3}, replicates=10, seed=1)
        right, wrong = np.tile([1, 0, 0], (90, 1)), np.tile([0, 1, 1], (3, 1))

        means = mean_over_sites(
            {
                "large": f1_replicates(right, drawn["large"]),
                "small": f1_replicates(wrong, drawn["small"]),
            }
        )

        assert means.tolist() == [0.5] * 10


class TestPairedDifference:
    def test_pairing_narrows_the_interval_where_both_find_the_same_notes_hard(self) -> None:
        worse = simulated(np.random.default_rng(1), 60, 0.5)
        better = worse + np.array([0, -1, 0]) * (worse[:, 1:2] > 0)  # one false finding less
        same = draws({"a": 60}, replicates=500, seed=1)["a"]
        others = draws({"a": 60}, replicates=500, seed=2)["a"]

        paired = interval(f1_replicates(better, same) - f1_replicates(worse, same))
        apart = interval(f1_replicates(better, same) - f1_replicates(worse, others))

        assert width(paired) < width(apart) / 2
        assert paired is not None
        assert apart is not None
        assert paired[0] > 0 > apart[0]


class TestFromNotes:
    def notes(self) -> list[NoteCounts]:
        link = Link(PAIN, SEVERE)
        return [
            count_note(Findings((PAIN,), (link,)), Findings((PAIN,), (link,))),
            count_note(Findings((PAIN,)), Findings((Span(0, 3, "problem"),))),
        ]

    def test_a_tally_is_the_notes_added_as_they_are_and_as_they_are_drawn(self) -> None:
        found = tally(self.notes(), np.array([[2, 0], [1, 1]]))

        assert (found.num_notes, found.total) == (2, sum(self.notes(), NoteCounts()))
        assert found.rows("ner_strict").tolist() == [[1, 1, 1], [2, 0, 0], [1, 1, 1]]
        assert found.rows("ner_lenient").tolist() == [[2, 0, 0]] * 3
        assert found.rows("re_strict").tolist() == [[1, 0, 0], [2, 0, 0], [1, 0, 0]]
        assert found.rows("problem_strict").tolist() == found.rows("ner_strict").tolist()

    def test_a_tally_of_no_draws_keeps_none(self) -> None:
        found = tally(self.notes(), np.zeros((0, 2), dtype=np.int64))

        assert found.draws == {}
        assert found.rows("ner_strict").tolist() == [[1, 1, 1]]

    def test_a_tally_of_no_notes_is_nothing(self) -> None:
        assert tally([], np.zeros((4, 0), dtype=np.int64)).rows("re_strict").sum() == 0

    def test_intervals_of_a_site_by_part_and_matching(self) -> None:
        multiplicities = np.array([[2, 0]] * 100 + [[0, 2]] * 100)

        intervals = f1_intervals(tally(self.notes(), multiplicities), PARTS)

        # Drawn alone, the first note is all right, the second all wrong, but for its overlap.
        assert intervals[("ner", "strict")] == (0.0, 1.0)
        assert intervals[("ner", "lenient")] == (1.0, 1.0)
        assert intervals[("re", "strict")] == (1.0, 1.0)
        assert intervals[("re_gold", "strict")] is None


class TestCountsOfNotes:
    def tally_of(self, rows: NDArray[np.int64], drawn: NDArray[np.int64]) -> Tally:
        """Return the tally of notes with such counts, as they are and in these draws."""
        each_once = np.ones((1, len(rows)), dtype=np.int64)
        tp, fp, fn = (each_once @ rows)[0].tolist()
        gold, answer = spans(tp, "problem") + spans(fn, "drug"), spans(tp, "problem")
        total = count_note(Findings(gold), Findings(answer + spans(fp, "test")))
        return Tally(len(rows), total, {"ner_strict": drawn @ rows})

    def test_numbers_by_hand(self) -> None:
        drawn = np.array([[2, 0], [1, 1], [0, 2]])
        # Twice the first note, both, twice the second.
        sums = self.tally_of(np.array([[3, 1, 0], [1, 0, 2]]), drawn)

        assert sums.rows("ner_strict").tolist() == [[4, 1, 2], [6, 2, 0], [4, 1, 2], [2, 0, 4]]
        assert counts_of_notes(sums, "ner_strict", drawn).tolist() == [[3, 1, 0], [1, 0, 2]]

    @pytest.mark.parametrize("num_notes", [1, 2, 7, 60])
    def test_they_come_out_exactly(self, num_notes: int) -> None:
        rows = np.random.default_rng(num_notes).integers(0, 50, (num_notes, 3))
        drawn = draws({"a": num_notes}, replicates=num_notes + 20, seed=1)["a"]

        found = counts_of_notes(self.tally_of(rows, drawn), "ner_strict", drawn)

        assert (found == rows).all()

    def test_other_draws_are_refused(self) -> None:
        rows = np.array([[3, 1, 0], [1, 0, 2], [0, 4, 1]])
        one, other = (draws({"a": 3}, replicates=30, seed=seed)["a"] for seed in (1, 2))

        with pytest.raises(ValueError, match="draws: found others than the tally's"):
            counts_of_notes(self.tally_of(rows, one), "ner_strict", other)

    def test_too_few_draws_are_refused(self) -> None:
        drawn = np.array([[1, 1, 1], [3, 0, 0]])
        # The second note and the third are always drawn alike: either could have what both have.
        sums = self.tally_of(np.array([[1, 0, 0], [2, 2, 2], [2, 2, 2]]), drawn)

        with pytest.raises(ValueError, match="draws: found 2 that leave it open, expected more"):
            counts_of_notes(sums, "ner_strict", drawn)


def spans(number: int, type_: str) -> tuple[Span, ...]:
    return tuple(Span(10 * index, 10 * index + 5, type_) for index in range(number))
