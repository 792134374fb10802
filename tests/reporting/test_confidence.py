from typing import Any

from tests.reporting.conftest import row

from fedmedlora.reporting.confidence import confidence_part
from fedmedlora.reporting.page import render

Json = dict[str, Any]


def reached(found: int, confidence: float, right: float) -> Json:
    return {"found": found, "confidence": confidence, "right": right}


NER = {
    "found": 1204,
    "raw": {"ece": 0.1234, "bins": [reached(4, 0.27, 0.5), reached(1200, 0.953, 0.8)]},
    "calibrated": {"ece": 0.021, "bins": [reached(1204, 0.81, 0.799)]},
}


def calibrated(results: Json, **told: object) -> Json:
    own = {"num_bins": 10, "sites": ["north", "south"], "splits": ["test"], "ner": NER, **told}
    *others, last = results["arms"]
    return {**results, "arms": [{**last, "calibration": own}, *others]}


def test_the_error_is_told_in_words_with_its_bins(results: Json) -> None:
    told = confidence_part(calibrated(results))

    assert "Entities: what the model says itself is off by 12.3 points of 100" in told
    assert "what was calibrated by 2.1 (expected calibration error, ECE, over 10 bins;" in told
    assert "1,204 finds in the test notes" in told
    assert "counted before on dev notes of north, south)" in told
    assert "flatters" not in told


def test_notes_that_had_a_part_in_the_calibration_are_owned_up_to(results: Json) -> None:
    told = confidence_part(calibrated(results, splits=["dev", "test"]))

    assert "in the dev and test notes" in told
    assert "flatters" in told


def test_every_bin_stands_in_the_figures_and_those_of_some_finds_in_the_drawing(
    results: Json,
) -> None:
    told = confidence_part(calibrated(results))

    assert row(told, "20 to 30 %") == ["20 to 30 %", "4", "27.0 %", "50.0 %"]
    assert row(told, "90 to 100 %") == ["90 to 100 %", "1,200", "95.3 %", "80.0 %"]
    # Read aloud are the points that are drawn.
    assert "As the model says: 80.0 % at 95.3 %" in told
    assert "50.0 % at 27.0 %" not in told


def test_a_run_that_was_not_calibrated_says_so(results: Json) -> None:
    assert "No arm was calibrated" in confidence_part(results)
    assert "How sure the model is" in render(results, [])
