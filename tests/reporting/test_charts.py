import re

from fedmedlora.reporting.axes import Quantity
from fedmedlora.reporting.charts import Curve, Mark, Panel, curves, scatter, values_table

X = Quantity("notes", "{:g}".format, "{:g}".format, is_counted=True)
Y = Quantity("F1", "{:.1f}".format, "{:g}".format, least_span=10.0)


def panel(*drawn: Curve, name: str = "a", columns: dict[str, float] | None = None) -> Panel:
    return Panel(name, X, Y, drawn, columns or {})


def curve(label: str, *marks: Mark) -> Curve:
    return Curve(label, "arm-fed1", marks)


def test_marks_of_a_curve_are_joined_and_those_of_a_scatter_are_not() -> None:
    drawn = panel(curve("Fed", Mark(0, 40), Mark(10, 80)))

    # From 44 + 16 to 406 - 16; 40 stands at the bottom, 80 at the top.
    assert 'd="M60 230 L390 40"' in curves("Curves", [drawn])
    assert 'class="line"' not in scatter("Points", drawn)
    assert '<circle cx="60" cy="340"' in scatter("Points", drawn)


def test_an_interval_is_a_whisker_from_its_low_to_its_high_end() -> None:
    drawn = curves("Curves", [panel(curve("Fed", Mark(0, 60, (40.0, 80.0)), Mark(10, 60)))])

    assert drawn.count('class="reach"') == 1
    assert 'x1="60" x2="60" y1="230" y2="40" class="reach"' in drawn


def test_whiskers_of_several_curves_do_not_lie_on_one_another() -> None:
    marks = (Mark(0, 60, (40.0, 80.0)), Mark(10, 60, (40.0, 80.0)))

    drawn = curves("Curves", [panel(curve("A", *marks), curve("B", *marks))])

    assert re.findall(
        r'x1="([\d.]+)" x2="[\d.]+" y1="[\d.]+" y2="[\d.]+" class="reach"', drawn
    ) == [
        *("58", "388"),
        *("62", "392"),
    ]


def test_curves_without_whiskers_stand_where_they_are() -> None:
    drawn = curves("Curves", [panel(curve("A", Mark(0, 40)), curve("B", Mark(10, 80)))])

    assert 'cx="60" cy="230"' in drawn


def test_curves_differ_by_dash_and_mark_and_look_the_same_in_every_panel() -> None:
    a, b = curve("A", Mark(0, 40), Mark(1, 50)), curve("B", Mark(0, 40), Mark(1, 50))

    drawn = curves("Curves", [panel(a, b, name="first"), panel(b, name="second")])

    first, second = drawn.split("second", 1)
    assert "line0" in first
    assert "line1" in first
    assert "line0" not in second
    assert "line1" in second


def test_a_chart_can_be_read_aloud() -> None:
    drawn = curves("Who wins", [panel(curve("Fed", Mark(0, 60, (40.0, 80.0)), Mark(10, 62)))])

    assert "<figcaption>Who wins</figcaption>" in drawn
    assert "<title>a: F1 over notes</title>" in drawn
    assert "<desc>Fed: 60.0 [40.0, 80.0] at 0, 62.0 at 10</desc>" in drawn


def test_a_side_by_logarithm_says_so() -> None:
    notes = Quantity("notes", "{:g}".format, "{:g}".format, by_logarithm=True, is_counted=True)
    wide = Panel("a", notes, Y, [curve("Fed", Mark(1, 40), Mark(100, 80))])

    assert "notes (logarithmic)" in curves("Curves", [wide])
    assert "(logarithmic)" not in curves(
        "Curves", [panel(curve("Fed", Mark(1, 40), Mark(100, 80)))]
    )


def test_letters_beside_marks_do_not_lie_on_one_another() -> None:
    crowded = [curve(f"arm {i}", Mark(5, 60 + i / 10, label=str(i))) for i in range(6)]

    drawn = scatter("Points", panel(*crowded))

    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="mid point-label">', drawn)
    places = [(float(x), float(y)) for x, y in found]
    apart = [
        abs(ax - bx) + abs(ay - by)
        for i, (ax, ay) in enumerate(places)
        for bx, by in places[i + 1 :]
    ]
    assert len(places) == 6
    assert min(apart) > 8


def test_a_mark_without_letters_has_no_line_to_them() -> None:
    crowded = [curve(f"arm {i}", Mark(5, 60)) for i in range(30)]

    assert "leader" not in scatter("Points", panel(*crowded))


def test_names_of_columns_that_are_close_stand_one_above_the_other() -> None:
    columns = {"1": 0.0, "2": 0.1, "3": 10.0}

    drawn = scatter("Points", panel(curve("A", Mark(0, 60), Mark(10, 60)), columns=columns))

    # 0.1 of 10 is 3 of 330, less than a letter is wide: 40 - 7 and 11 above it.
    assert re.findall(r'y="(\d+)" class="mid">([123])<', drawn) == [
        ("33", "1"),
        ("22", "2"),
        ("33", "3"),
    ]


def test_the_table_has_a_column_for_each_number_and_a_dash_where_there_is_none() -> None:
    drawn = values_table(
        "Figures", panel(curve("A", Mark(0, 60), Mark(10, 62)), curve("B", Mark(10, 5, (4.0, 6.0))))
    )

    assert re.findall(r'scope="col" class="figures">(\d+)<', drawn) == ["0", "10"]
    assert (
        '<th scope="row">A</th><td class="figures">60.0</td><td class="figures">62.0</td>' in drawn
    )
    assert ">–</span></td>" in drawn
    assert "5.0 [4.0, 6.0]" in drawn
