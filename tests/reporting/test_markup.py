import pytest

from fedmedlora.reporting.markup import Cell, Heading, Html, Rows, element, join, table, text, words


def test_text_escapes_what_html_would_read() -> None:
    assert text("<b a='x'>&\"") == "&lt;b a=&#x27;x&#x27;&gt;&amp;&quot;"


@pytest.mark.parametrize("value", ["a\x00b", "a\ud800b", "a\x1bb"])
def test_what_html_cannot_hold_becomes_the_replacement_sign(value: str) -> None:
    assert text(value) == "a\ufffdb"


def test_line_ends_and_tabs_stay() -> None:
    assert text("a\n\tb") == "a\n\tb"


def test_attributes_are_escaped_renamed_and_left_out_when_none() -> None:
    found = element("a", class_='"x', aria_label="y", href=None)

    assert found == '<a class="&quot;x" aria-label="y"></a>'


def test_void_elements_have_no_end() -> None:
    assert element("br") == "<br>"


def test_join_escapes_what_stands_between() -> None:
    assert join([Html("<b>"), Html("</b>")], by="<") == "<b>&lt;</b>"


def test_a_table_says_what_each_cell_belongs_to() -> None:
    headings = [Heading("Site", figures=False), Heading("mean", "F1"), Heading("min", "F1")]
    row = [Cell(text("a")), Cell(text("1")), Cell(text("2"), "own")]

    found = table("All", headings, [Rows([row], "Group")])

    assert "<caption>All</caption>" in found
    assert '<th colspan="2" scope="colgroup">F1</th>' in found
    assert '<th scope="col" class="figures">mean</th>' in found
    assert '<th scope="rowgroup" colspan="3">Group</th>' in found
    assert '<th scope="row">a</th>' in found
    assert '<td class="figures own">2</td>' in found


def test_a_table_scrolls_in_a_box_a_keyboard_reaches() -> None:
    found = table("All", [Heading("Site")], [Rows([[Cell(words("b", "a"))]])])

    assert found.startswith('<div class="scroll" role="region" aria-label="All" tabindex="0">')


def test_a_row_of_another_length_than_the_headings_is_an_error() -> None:
    with pytest.raises(ValueError, match="longer"):
        table("All", [Heading("Site"), Heading("mean")], [Rows([[Cell(text("a"))]])])
