from fedmedlora.reporting.shapes import legend_of_lines, legend_of_marks, look, marker


def test_four_marks_differ_and_then_come_round_again() -> None:
    drawn = [marker(index, 0, 0) for index in range(5)]

    assert len(set(drawn)) == 4
    assert drawn[4] == drawn[0]


def test_a_look_has_the_arm_s_colour_and_one_of_four_dashes() -> None:
    assert look(1, "arm-fed1") == "arm-fed1 line1"
    assert look(5, "arm-fed1") == "arm-fed1 line1"


def test_a_legend_shows_the_mark_and_of_lines_the_line_behind_it() -> None:
    known = {"Fed": (0, "arm-fed1"), "<Other>": (1, "arm-fed2")}

    lines, marks = legend_of_lines(known), legend_of_marks(known)

    assert lines.count('class="line"') == 2
    assert marks.count('class="line"') == 0
    assert lines.count('class="mark"') == marks.count('class="mark"') == 2
    assert 'class="arm-fed2 line1"' in marks
    assert marker(0, 7, 7) in marks
    assert marker(1, 7, 7) in marks
    assert "&lt;Other&gt;" in marks
