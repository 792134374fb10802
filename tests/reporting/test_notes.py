import re
from html import unescape
from typing import Any

import pytest

from fedmedlora.reporting.notes import _lanes, drawn_note, legend, legend_of_types

Json = dict[str, Any]


def span(start: int, end: int, type_: str) -> Json:
    return {"start": start, "end": end, "type": type_}


def note(body: str, gold: Json, predicted: Json) -> Json:
    empty: Json = {"entities": [], "links": []}
    return {
        "site": "a",
        "note_id": "n1",
        "arm": "fed_medlora",
        "text": body,
        "gold": {**empty, **gold},
        "predicted": {**empty, **predicted},
    }


def body_of(drawn: str) -> str:
    found = re.search(r'tabindex="0">(.*?)</div>', drawn, re.DOTALL)
    assert found is not None
    return found[1]


def text_of(drawn: str) -> str:
    without_labels = re.sub(
        r'<span class="label [^>]*><span[^>]*>.</span><span[^>]*>[^<]*</span>[^<]*</span>',
        "",
        body_of(drawn),
    )
    return unescape(re.sub(r"<[^>]+>", "", without_labels))


def test_found_missed_and_extra_differ_by_sign_and_word() -> None:
    gold = {"entities": [span(0, 1, "drug"), span(2, 3, "drug")]}
    predicted = {"entities": [span(0, 1, "drug"), span(4, 5, "drug")]}

    drawn = body_of(drawn_note(note("a b c", gold, predicted)))

    assert re.findall(r'aria-hidden="true">(.)</span><span class="heard"> \((\w+)\)', drawn) == [
        ("✓", "found"),
        ("○", "missed"),
        ("+", "extra"),
    ]
    assert '<span class="u lane0 found k-drug">a</span>' in drawn
    assert '<span class="u lane0 missed k-drug">b</span>' in drawn
    assert '<span class="u lane0 extra k-drug">c</span>' in drawn


def test_another_type_or_boundary_is_not_found() -> None:
    gold = {"entities": [span(0, 3, "drug")]}
    predicted = {"entities": [span(0, 3, "test"), span(0, 2, "drug")]}

    drawn = drawn_note(note("abc", gold, predicted))

    assert "entities: 0 found, 1 missed, 2 extra" in drawn


def test_a_nested_span_has_a_line_of_its_own_nearer_to_the_text() -> None:
    gold = {"entities": [span(0, 6, "problem"), span(2, 4, "drug")]}

    drawn = body_of(drawn_note(note("ab cd ef", gold, gold)))

    inner = '<span class="u lane0 found k-drug"> c</span>'
    assert f'<span class="u lane1 found k-problem">{inner}</span>' in drawn


def test_crossing_spans_keep_apart() -> None:
    # 0-4 and 2-6 cross, 6-8 only touches: it may use the nearest lane again.
    assert _lanes([(0, 4, "a"), (2, 6, "b"), (6, 8, "c")]) == [0, 1, 0]


def test_lanes_are_as_few_as_the_deepest_overlap() -> None:
    assert sorted(_lanes([(0, 9, "a"), (0, 9, "b"), (3, 5, "c")])) == [0, 1, 2]


def test_a_relation_is_a_label_on_its_tail_with_the_number_of_its_head() -> None:
    first, second = span(0, 1, "drug"), span(2, 3, "drug")
    tail = span(4, 5, "dosage")
    gold = {
        "entities": [first, second],
        "links": [{"head": first, "tail": tail}, {"head": second, "tail": tail}],
    }

    drawn = body_of(drawn_note(note("a b c", gold, gold)))

    assert "drug 1</span>" in drawn
    assert "drug 2</span>" in drawn
    assert "dosage → 1, 2</span>" in drawn


def test_a_label_does_not_cut_a_word_in_two() -> None:
    gold = {"entities": [span(0, 3, "drug"), span(7, 8, "drug")]}

    drawn = body_of(drawn_note(note("abcdef g, h", gold, {})))

    read = re.sub(r"<[^>]+>", "", drawn)
    assert read == "abcdef○ (missed) drug 1 g○ (missed) drug 2, h"
    # The line beneath still ends where the span does.
    assert '<span class="u lane0 missed k-drug">abc</span>def' in drawn


def test_a_tail_tied_to_another_head_is_missed_and_extra() -> None:
    first, second, tail = span(0, 1, "drug"), span(2, 3, "drug"), span(4, 5, "dosage")
    gold = {"entities": [first, second], "links": [{"head": first, "tail": tail}]}
    predicted = {"entities": [first, second], "links": [{"head": second, "tail": tail}]}

    drawn = drawn_note(note("a b c", gold, predicted))

    assert "relations: 0 found, 1 missed, 1 extra" in drawn


def test_a_head_that_is_no_entity_of_either_side_still_has_a_number() -> None:
    head, tail = span(0, 1, "drug"), span(2, 3, "dosage")

    drawn = drawn_note(note("a b", {"links": [{"head": head, "tail": tail}]}, {}))

    assert "dosage → 1" in drawn


def test_no_letter_of_the_note_is_lost_or_doubled(drawn: list[Json]) -> None:
    for each in drawn:
        assert text_of(drawn_note(each)) == each["text"]


def test_note_text_and_types_are_escaped() -> None:
    body = "<script>alert(1)</script>"
    gold = {"entities": [span(0, 8, "<img>")]}

    drawn = drawn_note(note(body, gold, {}))

    assert "<script" not in drawn
    assert "<img" not in drawn
    assert "&lt;script&gt;" in drawn
    assert text_of(drawn) == body


@pytest.mark.parametrize(("start", "end"), [(0, 9), (-1, 1), (2, 2), (3, 2)])
def test_a_span_outside_its_note_is_refused_without_its_text(start: int, end: int) -> None:
    with pytest.raises(ValueError, match=f"{start} to {end}, expected it within 0 to 3") as caught:
        drawn_note(note("abc", {"entities": [span(start, end, "drug")]}, {}))

    assert "abc" not in str(caught.value)


def test_the_same_stands_below_as_a_list() -> None:
    gold = {"entities": [span(0, 4, "drug")]}

    drawn = drawn_note(note("pill", gold, {}))

    assert "<summary>The same as a list</summary>" in drawn
    assert '<th scope="row">pill</th><td>drug 1</td><td>○ missed</td>' in drawn


def test_the_legend_explains_all_three_signs() -> None:
    assert all(sign in legend() for sign in "✓○+")


def test_without_gold_a_label_needs_no_sign() -> None:
    head, tail = span(0, 1, "drug"), span(2, 3, "dosage")
    predicted = {"entities": [head], "links": [{"head": head, "tail": tail}]}
    alone = {"note_id": "n1", "text": "a b", "predicted": predicted}

    drawn = drawn_note(alone)

    assert "entities: 1 marked; relations: 1 marked" in drawn
    assert '<span class="label marked k-drug">drug 1</span>' in drawn
    assert '<span class="label marked k-modifier">dosage → 1</span>' in drawn
    assert '<th scope="row">b</th><td>dosage → 1</td><td>marked</td>' in drawn
    assert not set("✓○+") & set(drawn)
    assert "Note n1<" in drawn


def test_a_note_with_nothing_in_it_has_no_list() -> None:
    predicted: Json = {"entities": [], "links": []}

    assert "<details" not in drawn_note({"note_id": "n1", "text": "a", "predicted": predicted})


def test_each_type_is_named_beside_its_colour() -> None:
    said = legend_of_types()

    for type_ in ("problem", "treatment", "test", "drug"):
        assert f'k-{type_}">{type_}</span>' in said
