from dataclasses import replace
from pathlib import Path

import pytest
from tests.experiment.fakes import FakeEngine, cohorts, experiment, new_store, toml

from fedmedlora.evaluation.calibration import NUM_BINS, Calibration
from fedmedlora.experiment.calibrating import calibration_of
from fedmedlora.experiment.results import results
from fedmedlora.experiment.run import run
from fedmedlora.experiment.store import Document, RunStore

LAST = NUM_BINS - 1


def finds(found: int, right: int) -> list[tuple[int, int]]:
    """So many finds, all of them in the bin of the highest confidence."""
    return [(0, 0)] * LAST + [(found, right)]


SURE = {
    ("heart", "dev"): finds(40, 30),
    ("lungs", "dev"): finds(60, 30),
    # Of no training site.
    ("nerves", "dev"): finds(1000, 0),
    ("heart", "final"): finds(20, 14),
    ("lungs", "final"): finds(30, 18),
}
ARMS = ("fed_medlora", "fed_medlora_plus")


def run_with(folder: Path, engine: FakeEngine, text: str = toml(ARMS, rounds=1)) -> FakeEngine:
    with new_store(folder, text) as store:
        run(experiment(text), engine, store, cohorts())
    return engine


def documents(folder: Path) -> tuple[Document, dict[str, Document]]:
    """Return the arm that stands for the run, and all arms in the results."""
    with RunStore.open(folder / "run") as store:
        told = {arm["name"]: arm for arm in results(store)["arms"]}
        return store.arm("fed_medlora_plus") or {}, told


def test_what_training_sites_counted_on_dev_notes_calibrates_the_arm_of_the_run(
    tmp_path: Path,
) -> None:
    run_with(tmp_path, FakeEngine(finds=SURE))

    arm, told = documents(tmp_path)
    own = calibration_of(arm)

    # (30 + 30) / (40 + 60), in all bins, for there is but one value.
    assert own.ner == pytest.approx((0.6,) * NUM_BINS)
    assert own.re == ()
    assert sorted(arm["calibration"]["sites"]) == ["bones", "heart", "lungs"]
    assert "calibration" not in told["fed_medlora"]


def test_how_far_it_is_off_is_told_on_the_final_notes(tmp_path: Path) -> None:
    run_with(tmp_path, FakeEngine(finds=SURE))

    _, told = documents(tmp_path)

    # (14 + 18) / (20 + 30) = 0.64 are right; the middle of the last bin is 0.99962.
    of_ner = told["fed_medlora_plus"]["calibration"]["ner"]
    assert of_ner["found"] == 50
    assert of_ner["raw"]["ece"] == pytest.approx(0.99962 - 0.64, abs=1e-5)
    assert of_ner["calibrated"]["ece"] == pytest.approx(0.04)
    assert of_ner["calibrated"]["bins"] == [
        {"found": 50, "confidence": pytest.approx(0.6), "right": pytest.approx(0.64)}
    ]
    assert told["fed_medlora_plus"]["calibration"]["splits"] == ["test"]


def test_a_model_that_tells_nothing_is_not_calibrated(tmp_path: Path) -> None:
    run_with(tmp_path, FakeEngine())

    arm, told = documents(tmp_path)

    assert "calibration" not in arm
    assert "calibration" not in told["fed_medlora_plus"]
    assert calibration_of(arm) == Calibration()


def test_no_note_is_read_once_more_where_none_is_to_be(tmp_path: Path) -> None:
    text = toml(ARMS, rounds=1).replace("[evaluation]", "[evaluation]\ncalibration_notes = 0")

    engine = run_with(tmp_path, FakeEngine(finds=SURE), text)
    other = run_with(tmp_path / "other", FakeEngine(finds=SURE))

    # The three training sites.
    assert len(other.read) - len(engine.read) == 3
    assert "calibration" not in documents(tmp_path)[0]


def test_a_run_that_was_killed_behind_its_scores_is_calibrated_when_it_goes_on(
    tmp_path: Path,
) -> None:
    class Killed(FakeEngine):
        def predictions(self, *_: object, **__: object) -> list[dict[str, object]]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_with(tmp_path, Killed(finds=SURE))
    with RunStore.open(tmp_path / "run", writable=True) as store:
        run(store.experiment(), FakeEngine(finds=SURE), store, cohorts())

    run_with(tmp_path / "other", FakeEngine(finds=SURE))
    arms = [documents(folder)[0] for folder in (tmp_path, tmp_path / "other")]
    assert arms[0]["calibration"] == arms[1]["calibration"]


def test_a_site_that_counts_otherwise_than_it_was_asked_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {("heart", "dev"): [(900, 900)], ("heart", "final"): [(7, 7)] * 65}

    run_with(tmp_path, FakeEngine(finds={**SURE, **odd}))

    arm, told = documents(tmp_path)
    assert calibration_of(arm).ner == pytest.approx((0.5,) * NUM_BINS)
    assert told["fed_medlora_plus"]["calibration"]["ner"]["found"] == 30
    assert "site heart: found finds counted in other bins of confidence" in caplog.text


def test_a_site_that_does_not_answer_leaves_the_others_calibrated(tmp_path: Path) -> None:
    silent = replace(FakeEngine(), finds={key: SURE[key] for key in SURE if key[0] == "lungs"})

    run_with(tmp_path, silent)

    assert calibration_of(documents(tmp_path)[0]).ner == pytest.approx((0.5,) * NUM_BINS)
