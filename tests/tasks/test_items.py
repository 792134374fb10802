import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tasks.words import Words

from fedmedlora.tasks.findings import Found, Span
from fedmedlora.tasks.items import answer_schema, items_text, listed, read_items
from fedmedlora.tasks.reading import Reading

TYPES = ("problem", "drug", "adverse_effect")
TEXT = "Severe chest pain, aspirin 5 mg. No chest pain later; fever, aspirin 10mg."
#       0      7     13    19      27    33 36                54     61      69
CHEST_PAIN, AGAIN = Span(7, 17, "problem"), Span(36, 46, "problem")
PAIN, PAIN_AGAIN = Span(13, 17, "problem"), Span(42, 46, "problem")
ASPIRIN, LATER = Span(19, 26, "drug"), Span(61, 68, "drug")
FEVER, MG = Span(54, 59, "problem"), Span(71, 73, "drug")


def reading(text: str = TEXT, types: Sequence[str] = TYPES) -> Reading:
    tokens = Words().tokenize(text)
    return Reading(tokens, 0, len(tokens.ids), tuple(types))


def answer(*items: tuple[str, str]) -> str:
    return json.dumps([{"type": type_, "text": text} for type_, text in items])


def read(*items: tuple[str, str], text: str = TEXT) -> Found:
    return read_items(answer(*items), reading(text))


def reasons(found: Found) -> list[str]:
    return [*found.lost]


class TestPlaces:
    def test_of_one_text_follow_one_another(self) -> None:
        assert read(("problem", "chest pain")) == Found((CHEST_PAIN,))
        assert read(("problem", "chest pain"), ("problem", "chest pain")) == Found(
            (CHEST_PAIN, AGAIN)
        )

    def test_lie_at_or_behind_the_start_of_the_item_before(self) -> None:
        # Behind the fever only the later aspirin stands, and the first pain is passed over.
        assert read(("problem", "fever"), ("drug", "aspirin")) == Found((FEVER, LATER))
        assert read(("drug", "aspirin"), ("problem", "pain")) == Found((ASPIRIN, PAIN_AGAIN))
        # What is nested begins where the item before it does, or behind.
        assert read(("problem", "chest pain"), ("problem", "pain")) == Found((CHEST_PAIN, PAIN))
        chest = Span(7, 12, "problem")
        assert read(("problem", "chest pain"), ("problem", "chest")) == Found((chest, CHEST_PAIN))

    def test_are_the_first_left_where_the_list_is_in_another_order(self) -> None:
        # Behind the fever is no chest pain.
        assert read(("problem", "fever"), ("problem", "chest pain")) == Found((CHEST_PAIN, FEVER))

    def test_are_taken_by_type_and_text(self) -> None:
        found = read(("problem", "aspirin"), ("drug", "aspirin"), ("drug", "aspirin"))

        assert found == Found((ASPIRIN, Span(19, 26, "problem"), LATER))

    def test_that_are_all_taken_are_not_given_again(self) -> None:
        found = read(*[("drug", "aspirin")] * 4)

        assert found == Found((ASPIRIN, LATER), ("repeated", "repeated"))

    def test_begin_and_end_with_words_of_the_window(self) -> None:
        assert read(("problem", "hest pain"), ("drug", "aspiri")).lost == ("not_in_text",) * 2
        # The first "mg" is followed by a full stop, the second stands right behind a number.
        assert read(("problem", "fever"), ("drug", "mg")) == Found((FEVER, MG))
        assert read(("drug", "5"), text="47.5 mg").lost == ("not_in_text",)

    @pytest.mark.parametrize("text", ["CHEST Pain", "chest\n pain", "chestpain", "  chest pain "])
    def test_do_not_depend_on_case_or_white_space(self, text: str) -> None:
        assert read(("problem", text)) == Found((CHEST_PAIN,))
        assert read(("problem", "chest pain"), text=f"no  {text}") == Found(
            (Span(4 + text.find(text.strip()[0]), 4 + len(text.rstrip()), "problem"),)
        )

    def test_keep_to_letters_that_grow_without_case(self) -> None:
        # "ß" without case is "ss", two letters that would put all behind them out of place.
        assert read(("problem", "STRAßE"), text="große Straße") == Found((Span(6, 12, "problem"),))
        assert read(("problem", "ΝΌΣΟΣ"), text="νόσος") == Found((Span(0, 5, "problem"),))

    def test_lie_in_the_window(self) -> None:
        tokens = Words().tokenize(TEXT)
        # No chest pain later ;
        window = Reading(tokens, 8, 13, TYPES)

        assert read_items(answer(("problem", "chest pain")), window) == Found((AGAIN,))
        assert read_items(answer(("drug", "aspirin")), window).lost == ("not_in_text",)


class TestItems:
    @pytest.mark.parametrize(
        ("item", "reason"),
        [
            ({"type": "test", "text": "fever"}, "unknown_type"),
            ({"text": "fever"}, "unknown_type"),
            ({"type": ["problem"], "text": "fever"}, "unknown_type"),
            ("fever", "unknown_type"),
            (None, "unknown_type"),
            ({"type": "problem"}, "no_text"),
            ({"type": "problem", "text": 5}, "no_text"),
            ({"type": "problem", "text": " \n"}, "no_text"),
            ({"type": "problem", "text": "cough"}, "not_in_text"),
        ],
    )
    def test_that_stand_nowhere_are_told_with_the_reason(self, item: object, reason: str) -> None:
        items = [item, {"type": "drug", "text": "aspirin"}]

        found = read_items(json.dumps({"findings": items}), reading())

        assert (found.spans, reasons(found)) == ((ASPIRIN,), [reason])

    def test_may_write_their_type_in_another_case(self) -> None:
        assert read((" Problem", "fever")) == Found((FEVER,))


LIST = answer(("problem", "fever"))


class TestForms:
    @pytest.mark.parametrize(
        "said",
        [
            LIST,
            f'{{"findings": {LIST}}}',
            f'{{"note": "[1]", "count": 1, "items": {LIST}, "done": {{"a": [2]}}}}',
            f"```json\n{LIST}\n```",
            f"Of [drug aspirin] I found {{as asked}}:\n\n{LIST}\n\nI hope [that] helps {{you}}.",
            f'<think>First ["drug"], [{{"type": 1}}] ...</think>\n{LIST}',
            f"so [] it is</think> no </think>{LIST}",
            LIST.replace("]", ",]"),
            LIST.replace("fever", "fe\nver"),
        ],
    )
    def test_that_hold_one_list_are_read(self, said: str) -> None:
        assert read_items(said, reading()) == Found((FEVER,))

    @pytest.mark.parametrize("said", ["[]", '{"findings": []}', "[ ] and nothing else"])
    def test_may_hold_nothing(self, said: str) -> None:
        assert read_items(said, reading()) == Found()

    @pytest.mark.parametrize(
        "said",
        [
            "",
            "I cannot help with that.",
            "[drug aspirin]",
            "{}",
            '{"findings": null}',
            '{"findings": {"items": []}}',
            f'{{"a": {LIST}, "b": []}}',
            '{"findings"= []}',
            '{"count": 1; "findings": []}',
            f"<think>perhaps {LIST}",
            f"{LIST}</think>",
        ],
    )
    def test_without_one_list_are_told_so(self, said: str) -> None:
        found = read_items(said, reading())

        assert (found.spans, reasons(found)) == ((), ["unreadable"])

    @pytest.mark.parametrize(
        "said",
        [
            f'{LIST[:-1]}, {{"type": "dru',
            f"{LIST[:-1]}, ",
            LIST[:-1],
            f'{{"findings": {LIST[:-1]}, {{"type"',
            f'{LIST[:-1]} {{"type": "drug", "text": "aspirin"}}]',
            f"{LIST[:-1]}, {'[' * 100_000}",
        ],
    )
    def test_that_break_off_count_as_far_as_they_go(self, said: str) -> None:
        assert read_items(said, reading()) == Found((FEVER,), ("never_closed",))

    @given(st.text(alphabet='[]{}",: \\typexdrugpain<>/hk1u\ud800', max_size=60))
    def test_never_raise(self, said: str) -> None:
        read_items(said, reading("drug pain"))


def test_a_list_is_told_apart_from_none() -> None:
    whole, broken = listed('[{"a": 1}, 2]'), listed("[3, ")

    assert whole is not None
    assert (whole.items, whole.is_whole) == (({"a": 1}, 2), True)
    # A number alone may be a reference: "[3]".
    assert broken is None


class TestWriting:
    def test_is_in_the_order_of_the_text_and_the_longer_first(self) -> None:
        gold = [ASPIRIN, Span(7, 12, "problem"), *(Span(7, 17, type_) for type_ in sorted(TYPES))]

        written = json.loads(items_text(reading(), gold))

        assert [(item["type"], item["text"]) for item in written["findings"]] == [
            ("problem", "chest pain"),
            ("drug", "chest pain"),
            ("adverse_effect", "chest pain"),
            ("problem", "chest"),
            ("drug", "aspirin"),
        ]

    def test_leaves_out_what_the_window_does_not_hold_or_nobody_asks_for(self) -> None:
        tokens = Words().tokenize(TEXT)
        window = Reading(tokens, 8, 11, ("problem",))  # No chest pain

        gold = [CHEST_PAIN, AGAIN, Span(42, 52, "problem"), Span(36, 41, "drug")]

        assert (
            items_text(window, gold) == '{"findings": [{"type": "problem", "text": "chest pain"}]}'
        )

    def test_goes_by_whole_words_as_reading_does(self) -> None:
        written = items_text(reading("postoperative pain"), [Span(4, 13, "problem")])

        assert written == '{"findings": [{"type": "problem", "text": "postoperative"}]}'

    def test_keeps_letters_as_they_are(self) -> None:
        assert '"Fièvre"' in items_text(reading("Fièvre"), [Span(0, 6, "problem")])

    @given(
        st.sets(st.tuples(st.integers(0, 7), st.integers(1, 4), st.sampled_from(TYPES)), max_size=8)
    )
    def test_is_read_back_where_no_word_comes_twice(
        self, chosen: set[tuple[int, int, str]]
    ) -> None:
        text = "no chest pain now but fever since may"
        starts = [0, 3, 9, 14, 18, 22, 28, 34]
        ends = [2, 8, 13, 17, 21, 27, 33, 37]
        gold = {Span(starts[i], ends[min(i + n, 8) - 1], type_) for i, n, type_ in chosen}

        found = read_items(items_text(reading(text), [*gold]), reading(text))

        assert found == Found(tuple(sorted(gold)))


def test_a_schema_names_the_types_and_closes_every_object() -> None:
    assert answer_schema(("problem", "drug")) == {
        "type": "object",
        "properties": {
            "findings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string", "enum": ["problem", "drug"]},
                        "text": {"type": "string"},
                    },
                    "required": ["type", "text"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["findings"],
        "additionalProperties": False,
    }
