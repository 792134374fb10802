from fedmedlora.reporting.figures import (
    HeatRow,
    Series,
    Strip,
    bars,
    heat_map,
    rounds_chart,
    strips,
    whisker,
)


def test_a_missing_round_breaks_the_line_instead_of_falling_to_zero() -> None:
    series = Series("Fed", "arm-fed1", (0.5, None, 0.5, 1.0))

    drawn = rounds_chart("Rounds", [("a", [series])])

    # From 34 + 12 to 308 - 12 in three steps of 250 / 3; 0.5 lies at 160 - 75, 1.0 at 160 - 150.
    assert 'd="M46 85 M212.67 85 L296 10"' in drawn
    assert "Fed: 0.500, –, 0.500, 1.000" in drawn


def test_the_kept_round_has_a_ring() -> None:
    kept = rounds_chart("Rounds", [("a", [Series("Fed", "arm-fed1", (0.5, 1.0), best=2)])])
    none = rounds_chart("Rounds", [("a", [Series("Fed", "arm-fed1", (0.5, 1.0))])])

    assert kept.count('<circle cx="296" cy="10" r="8" class="ring">') == 1
    assert "ring" not in none


def test_lines_differ_by_marker_and_dash_and_not_only_by_colour() -> None:
    both = [Series("A", "arm-fed1", (0.5, 0.6)), Series("B", "arm-fed2", (0.5, 0.6))]

    drawn = rounds_chart("Rounds", [("a", both)])

    assert 'class="arm-fed1 line0"' in drawn
    assert 'class="arm-fed2 line1"' in drawn
    assert "<circle" in drawn
    assert "M-3.4-3.4" in drawn


def test_a_chart_of_one_round_stands_in_the_middle() -> None:
    drawn = rounds_chart("Rounds", [("a", [Series("Fed", "arm-fed1", (0.0,))])])

    assert 'cx="171" cy="160"' in drawn  # (34 + 308) / 2


def test_strips_draw_mean_and_sites_from_zero_to_one() -> None:
    drawn = strips("Means", [Strip("Fed", "arm-fed1", 0.75, {"a": 0.5, "b": None})])

    assert 'width="75%"' in drawn
    assert drawn.count("<circle") == 1
    assert 'cx="50%"' in drawn
    assert "<title>Fed: mean 0.750</title><desc>a 0.500, b –</desc>" in drawn


def test_an_undefined_mean_has_no_bar() -> None:
    drawn = strips("Means", [Strip("Fed", "arm-fed1", None, {})])

    assert "<rect" not in drawn
    assert "–" in drawn


def test_bars_are_as_long_as_their_part() -> None:
    assert 'width="2.5%"' in bars("Bytes", [("adapter", 0.025, "2.3 MB")])


def test_a_whisker_stands_on_an_axis_with_zero_in_the_middle() -> None:
    drawn = whisker(0.1, (0.05, 0.2), reach=0.2)

    # 0.5 + 0.05 / 0.4 = 0.625; 0.5 + 0.2 / 0.4 = 1; 0.5 + 0.1 / 0.4 = 0.75
    assert 'x1="62.5%" x2="100%"' in drawn
    assert 'cx="75%"' in drawn


def test_a_difference_without_interval_is_a_point_alone() -> None:
    assert 'class="whisker"' not in whisker(0.1, None, reach=0.2)


def test_heat_grows_with_the_score_and_undefined_has_none() -> None:
    rows = [HeatRow("a alone", "a", {"a": 0.82, "b": 0.31})]

    drawn = heat_map("Matrix", ["a", "b", "c"], [("Alone", rows)])

    assert '<td class="figures h8 own">0.82' in drawn
    assert '<td class="figures h3">0.31</td>' in drawn
    assert '<td class="figures h-none">' in drawn
    assert drawn.count("its own notes") == 1
