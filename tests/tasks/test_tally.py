import json

import numpy as np
import pytest

from fedmedlora.errors import StoreError
from fedmedlora.tasks.counts import Counts, NoteCounts, PartCounts, score_counts, to_json
from fedmedlora.tasks.tally import Tally, figures_of, tally_from_json, tally_to_json

TOTAL = NoteCounts(
    {
        "ner": PartCounts({"drug": Counts(1, 2, 3), "problem": Counts(4, 0, 1)}, Counts(6, 1, 3)),
        "re": PartCounts({"severity": Counts(0, 0, 7)}),
    }
)
FIGURES = figures_of(TOTAL)
DRAWN = {figure: np.array([[i, 0, 2**31 + 5], [1, i, 0]]) for i, figure in enumerate(FIGURES)}


def test_a_figure_is_the_sum_as_it_is_and_then_the_draws() -> None:
    tally = Tally(3, TOTAL, {"ner_strict": np.array([[9, 8, 7]])})

    assert tally.rows("ner_strict").tolist() == [[5, 2, 4], [9, 8, 7]]
    assert tally.rows("ner_lenient").tolist() == [[6, 1, 3]]
    assert tally.rows("re_strict").tolist() == [[0, 0, 7]]
    assert tally.rows("problem_strict").tolist() == [[4, 0, 1]]
    other = Tally(1, NoteCounts({"problem": PartCounts({"all": Counts(1, 0, 2)})}))
    assert other.rows("problem_strict").tolist() == [[1, 0, 2]]


def test_a_tally_comes_back_from_json() -> None:
    tally = Tally(3, TOTAL, DRAWN)

    found = tally_from_json(json.loads(json.dumps(tally_to_json(tally))))

    assert (found.num_notes, found.total) == (3, TOTAL)
    assert {figure: found.draws[figure].tolist() for figure in found.draws} == {
        figure: rows.tolist() for figure, rows in DRAWN.items()
    }


def test_bins_come_back_from_json() -> None:
    tally = Tally(3, TOTAL, reliability={"re": np.array([[3, 1], [0, 0]])})

    found = tally_from_json(json.loads(json.dumps(tally_to_json(tally))))

    assert {part: rows.tolist() for part, rows in found.reliability.items()} == {
        "re": [[3, 1], [0, 0]]
    }


@pytest.mark.parametrize(
    "value",
    [
        [3, to_json(TOTAL), {}, {"ner": [[1, 2]]}],
        [3, to_json(TOTAL), {}, {"ner": [[1, -1]]}],
        [3, to_json(TOTAL), {}, {"ner": [[1, 1, 1]]}],
        [3, to_json(TOTAL), {}],
        [3, [0, [], []], {}, {}],
        [3, None, {}, {}],
        None,
        [3, [0, {"ner": [{}, [0, 0, 0], {}]}, {}], {"ner_strict": "no base64 of anything"}, {}],
        [3, [0, {"ner": [{}, [0, 0, 0], {}]}, {}], {"ner_strict": "eJxjZGRiAAAADgAF"}, {}],
    ],
)
def test_what_is_no_tally_is_refused(value: list[object]) -> None:
    with pytest.raises(StoreError, match="of another shape"):
        tally_from_json(value)


def test_figures_are_of_each_part_as_it_matches_and_of_problems_alone() -> None:
    assert figures_of(TOTAL) == ("ner_strict", "ner_lenient", "re_strict", "problem_strict")
    assert figures_of(NoteCounts({"accuracy": score_counts(1)})) == ("accuracy_strict",)
