from typing import Any

import pytest
from tests.study.kept import one_arm, one_cell

from fedmedlora.study.schema import Setting, Variant
from fedmedlora.study.tuning import Tried, choices, dev_score, tried


def trial(dev: float | None, *, test: int = 0) -> dict[str, Any]:
    """Return a cell whose kept round, the second, has such an F1 on dev notes of site a."""
    rounds: list[dict[str, float | None]] = [{"a": 0.99}, {"a": dev}]
    return one_cell(one_arm("x", {"a": [(test, 1, 1)]}, dev=rounds, best_round=2))


def chosen(*cells: dict[str, Any], arms: tuple[str, ...] = ("x",)) -> dict[str, str]:
    names = [f"trial_{index}" for index in range(len(cells))]
    variants = tuple(Variant(name=name) for name in names)
    setting = Setting(name="t", title="t", experiment=None, arms=arms, variants=variants)  # type: ignore[arg-type]
    kept = {(name, arms[0]): [cell] for name, cell in zip(names, cells, strict=True)}
    return {arm: variant.name for arm, variant in choices(setting, kept).items()}


def test_the_trial_with_the_best_dev_score_is_taken_over_whatever_its_test_notes_say() -> None:
    assert chosen(trial(0.5, test=9), trial(0.6), trial(0.4, test=9)) == {"x": "trial_1"}


def test_of_equal_trials_the_first_is_taken_over() -> None:
    assert chosen(trial(0.4), trial(0.5), trial(0.5)) == {"x": "trial_1"}


def test_a_trial_without_a_score_stands_behind_one_that_found_nothing() -> None:
    assert chosen(trial(None), trial(0.0)) == {"x": "trial_1"}
    assert chosen(trial(None), trial(None)) == {"x": "trial_0"}


def test_a_group_is_tuned_by_the_name_of_its_first_arm() -> None:
    assert chosen(trial(0.5), trial(0.6), arms=("x+y",)) == {"x": "trial_1"}


def test_a_trial_for_other_arms_is_not_looked_at() -> None:
    variants = (Variant(name="all"), Variant(name="for_y", arms=("y",)))
    setting = Setting(name="t", title="t", experiment=None, arms=("x", "y"), variants=variants)  # type: ignore[arg-type]
    kept = {
        ("all", "x"): [trial(0.1)],
        ("all", "y"): [trial(0.1)],
        ("for_y", "y"): [trial(0.9)],
    }

    found = choices(setting, kept)

    assert {arm: variant.name for arm, variant in found.items()} == {"x": "all", "y": "for_y"}


def test_what_is_not_kept_yet_has_no_score_and_nothing_is_taken_over_before() -> None:
    variants = (Variant(name="first"), Variant(name="second"))
    setting = Setting(name="t", title="t", experiment=None, arms=("x+y",), variants=variants)  # type: ignore[arg-type]
    half = {("first", "x+y"): [trial(0.5)]}
    whole = {**half, ("second", "x+y"): [trial(0.6)]}

    assert tried(setting, {}) == []
    assert tried(setting, half) == [Tried("x", {"first": 0.5, "second": None}, None)]
    assert tried(setting, whole) == [Tried("x", {"first": 0.5, "second": 0.6}, "second")]


class TestDevScore:
    def test_numbers_by_hand(self) -> None:
        # Seed 0: (0.2 + 0.4) / 2 = 0.3, c does not train; seed 1: 0.5, b has no score.
        cells = [
            one_cell(one_arm("x", {}, dev=[{"a": 0.2, "b": 0.4, "c": 0.9}])),
            one_cell(one_arm("x", {}, dev=[{"a": 0.5, "b": None}])),
        ]

        assert dev_score(cells) == pytest.approx(0.4, abs=1e-15)

    def test_arms_of_a_new_site_do_not_count(self) -> None:
        cell = one_cell(one_arm("x", {}, dev=[{"a": 0.6}]), one_arm("y:c", {}, dev=[{"c": 0.1}]))

        assert dev_score([cell]) == 0.6

    def test_an_arm_without_rounds_has_none(self) -> None:
        assert dev_score([one_cell(one_arm("zero_shot", {}, best_round=0))]) is None
