from typing import Any

import pytest
from tests.study.kept import (
    ALONE,
    BAD,
    FED,
    GOOD,
    PLUS,
    SCORES,
    cell_of,
    kept_cell,
    one_arm,
    one_cell,
    one_study,
)

from fedmedlora.study.lines import Line, lines_of


@pytest.fixture
def lines() -> dict[str, Line]:
    told = one_study("as_is")
    return {
        line.arm.name: line
        for line in lines_of(told, told.settings[0], [(cell_of("as_is"), kept_cell(SCORES))])
    }


def value(one: Any) -> float:  # noqa: ANN401
    assert one is not None
    return float(one.value)


def test_means_are_over_the_sites_that_train(lines: dict[str, Line]) -> None:
    # (26 + 48) / 2 of 57; what c has does not count.
    assert value(lines[FED].mean) == pytest.approx(37 / 57)
    assert value(lines[FED].lowest) == pytest.approx(26 / 57)
    assert lines["local_only:c"].mean is None
    assert value(lines["local_only:c"].outside["c"]) == pytest.approx(48 / 57)


def test_every_arm_is_held_against_the_reference_and_single_sites(lines: dict[str, Line]) -> None:
    assert value(lines[FED].gains[PLUS]) == pytest.approx((37 - 48) / 57)
    assert value(lines[PLUS].gains["best single site"]) == pytest.approx((48 - 26) / 57)
    assert PLUS not in lines[PLUS].gains
    assert "centralised" not in lines[PLUS].gains


def test_p_is_corrected_for_the_arms_that_are_no_single_site() -> None:
    told = one_study("as_is")
    more = {**SCORES, "fed_prox": {"a": BAD, "b": GOOD}}

    lines = {
        line.arm.name: line
        for line in lines_of(told, told.settings[0], [(cell_of("as_is"), kept_cell(more))])
    }

    # In no draw of 100 is either as good: p is 2 / 101, of two comparisons 4 / 101.
    assert lines[FED].gains[PLUS].p == 2 / 101
    assert (lines[FED].p, lines["fed_prox"].p) == (4 / 101, 4 / 101)
    assert (lines[ALONE].p, lines[PLUS].p) == (None, None)


def test_variants_stand_apart_and_seeds_of_one_together() -> None:
    told = one_study("as_is", "noisy", "not_run")
    worse = {PLUS: {"a": BAD, "b": BAD}}
    done = [
        (cell_of("noisy", 1), kept_cell(worse)),
        (cell_of("as_is", 0), kept_cell({PLUS: SCORES[PLUS]})),
        (cell_of("as_is", 1), kept_cell(worse)),
    ]

    lines = lines_of(told, told.settings[0], done)

    assert [(line.variant.name, line.arm.seeds) for line in lines] == [
        ("as_is", (0, 1)),
        ("noisy", (1,)),
    ]
    assert value(lines[0].mean) == pytest.approx((48 + 26) / 2 / 57)


def test_variants_are_compared_on_the_sites_that_train_in_all_of_them() -> None:
    told = one_study("without", "with_more")
    more = {"a": "train", "b": "train", "d": "train"}
    with_more = one_cell(one_arm(PLUS, {"a": GOOD, "b": GOOD, "d": BAD}), roles=more)
    done = [
        (cell_of("without"), kept_cell({PLUS: SCORES[PLUS]})),
        (cell_of("with_more"), with_more),
    ]

    first, second = lines_of(told, told.settings[0], done)

    assert value(first.mean) == value(second.mean) == pytest.approx(48 / 57)
    assert value(second.by_site["d"]) == pytest.approx(26 / 57)


def test_variants_without_a_site_in_common_have_their_own() -> None:
    told = one_study("two", "one")
    done = [
        (cell_of("two"), kept_cell({PLUS: SCORES[PLUS]})),
        (cell_of("one"), one_cell(one_arm(PLUS, {"d": BAD}), roles={"d": "train"})),
    ]

    first, second = lines_of(told, told.settings[0], done)

    assert value(first.mean) == pytest.approx(48 / 57)
    assert value(second.mean) == pytest.approx(26 / 57)


def test_of_a_study_in_the_middle_the_seeds_that_all_arms_have_are_told() -> None:
    told = one_study("as_is")
    worse = {"a": BAD, "b": BAD}
    done = [
        (cell_of("as_is", 0), kept_cell({PLUS: SCORES[PLUS], FED: SCORES[FED]})),
        (cell_of("as_is", 1), kept_cell({PLUS: worse})),
    ]

    lines = lines_of(told, told.settings[0], done)

    assert [line.arm.seeds for line in lines] == [(0,), (0,)]
    assert value(lines[0].mean) == pytest.approx(48 / 57)
