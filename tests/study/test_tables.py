from dataclasses import replace

import pytest
from tests.study.kept import FED, PLUS, SCORES, cell_of, kept_cell, one_study

from fedmedlora.study.comparing import Estimate
from fedmedlora.study.findings import Findings
from fedmedlora.study.lines import Line, lines_of
from fedmedlora.study.page import page
from fedmedlora.study.schema import Study, Variant
from fedmedlora.study.tables import as_csv, markdown, points, with_interval
from fedmedlora.study.tuning import Tried


@pytest.fixture
def told() -> Study:
    return one_study("as_is")


def rows(told: Study) -> dict[str, list[Line]]:
    return {"main": lines_of(told, told.settings[0], [(cell_of("as_is"), kept_cell(SCORES))])}


def test_a_row_holds_every_figure_in_points(told: Study) -> None:
    row = next(
        line
        for line in markdown(Findings(told, rows(told))).splitlines()
        if line.startswith("| Fed-MedLoRA |")
    )

    name, mean, seeds, lowest, harmonic, outside, relations, gain, p, *_ = [
        each.strip() for each in row.strip("|").split("|")
    ]
    assert name == "Fed-MedLoRA"
    # 37 / 57; 26 / 57; 2 / (57 / 26 + 57 / 48) = 59.2 %; (37 - 48) / 57; one comparison.
    assert mean.startswith("64.9 [")
    assert (seeds, lowest, harmonic, outside) == ("64.9", "45.6", "59.2", "c 45.6")
    assert (relations, p) == ("-", "0.020")
    assert gain.startswith("-19.3 [-")


def test_every_figure_is_in_the_csv_once(told: Study) -> None:
    head, *lines = as_csv(Findings(told, rows(told))).splitlines()

    assert head == "setting,variant,x,arm,figure,value,low,high,p,seeds"
    keys = [line.split(",")[3:5] for line in lines]
    assert len(keys) == len({tuple(key) for key in keys})
    assert {line.count(",") for line in lines} == {9}
    assert f"main,as_is,,{FED},p_holm,{2 / 101:.6f},,,," in lines
    assert f"main,as_is,,{FED},bytes_sent,0,,,," in lines
    mean = next(line for line in lines if f"{FED},mean," in line)
    assert mean.split(",")[5] == f"{37 / 57:.6f}"


def test_a_setting_without_cells_has_no_table(told: Study) -> None:
    assert "## Main" not in markdown(Findings(told, {"main": []}))


def test_a_screening_says_so(told: Study) -> None:
    screening = replace(told, settings=(replace(told.settings[0], screening=True),))

    assert "**A screening**" in markdown(Findings(screening, rows(told)))
    assert "**A screening**" not in markdown(Findings(told, rows(told)))


def test_what_is_undefined_is_a_dash() -> None:
    assert (points(None), with_interval(None)) == ("-", "-")
    assert points(Estimate(0.5, None, (0.5,)), sign="+") == "+50.0"
    # One note that is found is found in each draw; of none there is no interval.
    assert with_interval(Estimate(0.5, None, (0.5,))) == "50.0"
    assert with_interval(Estimate(-0.011, (-0.5, 0.25), (0.0,)), sign="+") == (
        "-1.1 [-50.0, +25.0]"
    )


def test_of_trials_the_dev_scores_are_told_and_which_is_taken_over(told: Study) -> None:
    setting = told.settings[0]
    two = replace(setting, variants=(Variant(name="as_is"), Variant(name="rate_2")))
    trials = [
        Tried(FED, {"as_is": 0.5, "rate_2": 0.625}, "rate_2"),
        Tried(PLUS, {"as_is": 0.25, "rate_2": None}, None),
    ]
    found = Findings(replace(told, settings=(two,)), {"main": []}, {"main": trials})

    text, rows_ = markdown(found), as_csv(found).splitlines()

    assert "| arm | as_is | rate_2 |" in text
    assert "| Fed-MedLoRA | 50.0 | **62.5** |" in text
    assert "| Fed-MedLoRA+ | 25.0 | - |" in text
    assert rows_[2] == "main,rate_2,,fed_medlora,dev,0.625000,,,,"
    assert "<strong>62.5</strong>" in page(found)
