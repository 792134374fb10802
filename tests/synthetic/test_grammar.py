import random
from fractions import Fraction

import pytest

from fedmedlora.synthetic.grammar import (
    Chart,
    draw,
    merged,
    read_cases,
    read_tables,
    sentence,
    thinned,
)

DRUGS = """
drug | strength | form=tablet
  ${stem}olol; aspirin | 5 mg; 10 mg
stem
  velo; cora
side
  left
"""


def chart(tables: str = DRUGS, seed: str = "0") -> Chart:
    return Chart(read_tables(tables), random.Random(seed))  # noqa: S311


def test_each_alternative_of_the_first_column_is_a_row() -> None:
    assert read_tables(DRUGS)["drug"] == (
        {"drug": ("${stem}olol",), "strength": ("5 mg", "10 mg"), "form": ("tablet",)},
        {"drug": ("aspirin",), "strength": ("5 mg", "10 mg"), "form": ("tablet",)},
    )


def test_row_with_a_cell_too_few_is_refused() -> None:
    with pytest.raises(ValueError, match="table drug: found 1 cells, expected 2"):
        read_tables("drug | strength\n  aspirin")


def test_words_before_the_first_case_are_for_all_cases() -> None:
    general, cases = read_cases("side\n  left\n== one\ndrug\n  a\n== two\ndrug\n  b")

    assert [*general] == ["side"]
    assert [case["drug"][0]["drug"] for case in cases] == [("a",), ("b",)]


def test_slots_are_filled_until_none_is_left() -> None:
    for seed in "abcdef":
        assert sentence("$drug", chart(seed=seed)) in {"aspirin", "veloolol", "coraolol"}


def test_key_holds_a_row_and_its_words() -> None:
    for seed in "abcdef":
        words = sentence("$strength#d $drug#d $drug#d $strength#d $form#d", chart(seed=seed))
        first, unit, name, again, *rest = words.split()
        assert name == again
        assert rest == [first, unit, "tablet"]


def test_lower_case_key_lasts_for_a_sentence_upper_case_for_the_note() -> None:
    note = chart("drug\n  a; b")

    first = [sentence("$drug#d", note), sentence("$drug#d", note)]
    note = chart("drug\n  a; b")
    second = [sentence("$drug#D", note), sentence("$drug#D", note)]

    assert sorted(first) == ["a", "b"]
    assert second[0] == second[1]


def test_words_are_not_repeated_while_there_are_others() -> None:
    note = chart("sign\n  a; b; c")

    drawn = [sentence("$sign", note) for _ in range(4)]

    assert sorted(drawn[:3]) == ["a", "b", "c"]
    assert drawn[3] in "abc"


def test_number_lies_in_its_range_with_its_decimals() -> None:
    numbers = [sentence("{0.98-1.02}", chart(seed=str(seed))) for seed in range(60)]

    assert {Fraction(number) for number in numbers} == {Fraction(n, 100) for n in range(98, 103)}
    assert all(len(number) == len("0.98") for number in numbers)


def test_choice_is_one_of_its_words_and_may_hold_slots() -> None:
    chosen = {sentence("{$side/right}", chart(seed=str(seed))) for seed in range(20)}

    assert chosen == {"left", "right"}


def test_unknown_table_and_column_are_refused() -> None:
    with pytest.raises(ValueError, match=r"slot \$route: found no such table"):
        draw("route", chart())
    with pytest.raises(ValueError, match=r"slot \$side#d: found columns"):
        sentence("$drug#d $side#d", chart())


def test_merged_tables_hold_the_rows_of_all_in_order() -> None:
    tables = merged(read_tables("a\n  1; 2"), read_tables("b\n  x"), read_tables("a\n  3"))

    assert [row["a"][0] for row in tables["a"]] == ["1", "2", "3"]
    assert [row["b"][0] for row in tables["b"]] == ["x"]


def test_thinned_tables_keep_a_fixed_part_in_order() -> None:
    tables = read_tables("sign\n  a; b; c; d; e; f; g; h; i; j\nside\n  left")

    kept = thinned(tables, share=0.4, seed="one")

    words = [row["sign"][0] for row in kept["sign"]]
    assert len(words) == 4
    assert words == sorted(words)
    assert kept == thinned(tables, share=0.4, seed="one")
    assert len(kept["side"]) == 1
    assert any(thinned(tables, share=0.4, seed=name) != kept for name in ("two", "three"))
