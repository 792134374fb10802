import re
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.tasks.findings import Found, Lost, Span
from fedmedlora.tasks.marked_text import read_marked
from fedmedlora.tasks.marks import CLOSE, opening

TYPES = ("problem", "drug", "adverse_effect")
TEXT = "Severe chest pain, aspirin 5 mg. No chest pain later; fever, aspirin 10mg."
#       0      7          19      27     33 36                54     61
CHEST_PAIN, AGAIN = Span(7, 17, "problem"), Span(36, 46, "problem")
ASPIRIN, LATER = Span(19, 26, "drug"), Span(61, 68, "drug")
FEVER, DOSE = Span(54, 59, "problem"), Span(69, 73, "drug")
P, D = opening("problem"), opening("drug")
OPENINGS = re.compile(r"<\s*span\b[^<>]*>", re.IGNORECASE)


def read(answer: str, text: str = TEXT) -> Found:
    return read_marked(answer, text, TYPES)


def marked(text: str, spans: Sequence[Span]) -> str:
    """Return a text with properly nested spans marked in it."""
    longest_first = sorted(spans, key=lambda span: -span.end)
    said = ""
    for place in range(len(text) + 1):
        said += CLOSE * sum(span.end == place for span in spans)
        said += "".join(opening(span.type) for span in longest_first if span.start == place)
        said += text[place : place + 1]
    return said


class TestCorrectAnswers:
    def test_say_where_every_entity_is(self) -> None:
        gold = (CHEST_PAIN, Span(13, 17, "drug"), ASPIRIN, LATER, DOSE)
        answer = (
            f"Severe {P}chest {D}pain{CLOSE}{CLOSE}, {D}aspirin{CLOSE} 5 mg. No chest pain later; "
            f"fever, {D}aspirin{CLOSE} {D}10mg{CLOSE}."
        )

        assert read(answer) == Found(gold)

    def test_may_mark_part_of_a_word(self) -> None:
        assert read(f"post{P}operative{CLOSE} pain", "postoperative pain") == Found(
            (Span(4, 13, "problem"),)
        )

    def test_may_copy_marks_that_the_note_holds(self) -> None:
        text = f"cough {D}pain{CLOSE} </think> fever"
        answer = f"{P}cough{CLOSE} {D}{P}pain{CLOSE}{CLOSE} </think> {P}fever{CLOSE}"

        # The mark behind "pain" may be either; the note's own wins, and so does its end.
        assert read(answer.replace(f"{P}pain{CLOSE}", "pain"), text) == Found(
            (Span(0, 5, "problem"), Span(text.index("fever"), len(text), "problem"))
        )


class TestWhatAModelMayDo:
    """Each with what is found all the same."""

    @pytest.mark.parametrize(
        "answer",
        [
            f"SEVERE {P}CHEST PAIN{CLOSE}, {D}Aspirin{CLOSE} 5 mg. No chest pain later; fever.",
            f"Severe\n\n{P} chest\tpain {CLOSE} ,{D}aspirin{CLOSE}5mg . No chest pain later",
            f"{P}chest pain{CLOSE}, {D}aspirin{CLOSE} 5 mg.",
            f"A severe {P}chest pain{CLOSE}, took {D}aspirin{CLOSE} 5 mg.",
            f"Mild {P}chest pain{CLOSE}, {D}aspirin{CLOSE} 7 mg. No chest pain later",
            f"Severe </span>{P}chest pain{CLOSE}, {CLOSE}{D}aspirin{CLOSE} 5 mg.",
            f"{P}Cough{CLOSE}, no</think>Severe {P}chest pain{CLOSE}, {D}aspirin{CLOSE} 5 mg.",
            "Severe <SPAN  Class='Problem'>chest pain</ SPAN >, <span class=drug>aspirin</span> 5",
            f"The entities are:\n- {P}chest pain{CLOSE}\n- {D}aspirin{CLOSE}\n",
        ],
        ids=[
            "other case",
            "other white space",
            "the first word dropped",
            "words added",
            "words changed",
            "closed what was not open",
            "thought aloud",
            "marks written in other ways",
            "only a list",
        ],
    )
    def test_costs_nothing(self, answer: str) -> None:
        assert read(answer) == Found((CHEST_PAIN, ASPIRIN))

    @pytest.mark.parametrize(
        ("answer", "spans", "lost"),
        [
            (f'Severe <span class="pain">chest pain{CLOSE},', (), "unknown_type"),
            (f"Severe <span>chest pain{CLOSE},", (), "unknown_type"),
            (f"Severe {P} {CLOSE}chest pain,", (), "no_text"),
            (f"Severe {P}chest pain, {D}aspirin{CLOSE} 5", (ASPIRIN,), "never_closed"),
            (f"Severe {P}chest pain, aspirin 5 mg. No", (), "never_closed"),
            (
                TEXT.replace("chest pain, aspirin", f"{P}chest pain, {D}aspirin{CLOSE}"),
                (ASPIRIN,),
                "never_closed",
            ),
            (f"Severe {P}headache{CLOSE}, {D}aspirin{CLOSE}", (ASPIRIN,), "not_in_text"),
            (
                f"{D}aspirin{CLOSE} {D}aspirin{CLOSE} {D}aspirin{CLOSE}",
                (ASPIRIN, LATER),
                "repeated",
            ),
        ],
    )
    def test_costs_one_entity_with_its_reason(
        self, answer: str, spans: tuple[Span, ...], lost: Lost
    ) -> None:
        assert read(answer) == Found(spans, (lost,))

    def test_a_text_written_twice_is_read_twice(self) -> None:
        once = f"Severe {P}chest pain{CLOSE}, aspirin 5 mg. No chest pain later; fever, "
        twice = f"Severe chest pain, {D}aspirin{CLOSE} 5 mg. No {P}chest pain{CLOSE} later"

        assert read(f"{once}aspirin 10mg.\n\n{twice}") == Found((CHEST_PAIN, ASPIRIN, AGAIN))
        assert read(f"{once}\n\n{once}") == Found((CHEST_PAIN,), ("repeated",))


class TestPlaces:
    def test_of_words_that_come_often_are_those_the_answer_had_come_to(self) -> None:
        answer = TEXT.replace("No chest pain", f"No {P}chest pain{CLOSE}")

        assert read(answer) == Found((AGAIN,))

    def test_of_a_word_behind_others_that_are_not_there_are_not_within_the_next_word(self) -> None:
        assert read(f"Then {P}a rash{CLOSE}", "aspirin a rash") == Found((Span(8, 14, "problem"),))

    def test_do_not_depend_on_white_space_between_a_number_and_its_unit(self) -> None:
        text = "had 5 mg , then 5 mg daily now"

        assert read(f"Then: {D}5mg{CLOSE} daily now", text) == Found((Span(16, 20, "drug"),))

    def test_do_not_run_backwards(self) -> None:
        found = read(f"{P}four five six one two three{CLOSE}", "one two three four five six")

        assert found == Found((), ("not_in_text",))

    def test_with_a_word_dropped_inside_reach_from_end_to_end(self) -> None:
        text = "chronic obstructive pulmonary disease since 2010"

        assert read(f"{P}chronic pulmonary disease{CLOSE} since", text) == Found(
            (Span(0, 37, "problem"),)
        )

    def test_are_not_much_longer_than_what_was_marked(self) -> None:
        text = f"chest and {'much more text ' * 5}chest pain again"

        # The first word was in step, the others are far behind it.
        assert read(f"{P}chest pain again{CLOSE}", text) == Found((Span(85, 101, "problem"),))

    def test_of_one_inside_another_that_stands_elsewhere_are_inside_it(self) -> None:
        text = "pain no pain then chest pain stopped"

        found = read(f"{P}chest {D}pain{CLOSE}{CLOSE}", text)

        assert found == Found((Span(18, 28, "problem"), Span(24, 28, "drug")))

    def test_of_one_never_closed_reach_to_the_end_where_the_answer_does(self) -> None:
        assert read(TEXT.replace("aspirin 10mg", f"{D}aspirin 10mg")) == Found(
            (Span(61, 74, "drug"),)
        )


ALPHABET = st.sampled_from([*"abAß1 .\n<>ΣςÉ", "pain ", "span", " of the "])
texts = st.lists(ALPHABET, max_size=25).map("".join)


@st.composite
def gold_in_text(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """Draw a text and properly nested spans, none of which begins or ends with white space."""
    text = draw(texts)
    kept: list[Span] = []
    place = st.integers(0, len(text))
    for start, end, type_ in draw(st.lists(st.tuples(place, place, st.sampled_from(TYPES)))):
        crosses = any(
            start < other.start < end < other.end or other.start < start < other.end < end
            for other in kept
        )
        inside = text[start:end]
        span = Span(start, end, type_)
        if inside and inside == inside.strip() and not crosses and span not in kept:
            kept.append(span)
    return text, kept


@given(gold_in_text())
def test_a_correct_answer_says_the_gold_spans_and_nothing_else(
    drawn: tuple[str, list[Span]],
) -> None:
    text, gold = drawn

    assert read(marked(text, gold), text) == Found(tuple(sorted(gold)))


pieces = st.sampled_from([P, D, CLOSE, "<span", "</think>", '<span class="x">', "Severe ", TEXT])


@given(st.text(), st.text())
def test_no_answer_raises(answer: str, text: str) -> None:
    read(answer, text)


@given(st.lists(pieces | texts).map("".join), texts | st.just(TEXT))
def test_all_that_is_announced_is_placed_or_told(answer: str, text: str) -> None:
    found = read(answer, text)

    announced = OPENINGS.findall(answer.rpartition("</think>")[2])
    assert len(found.spans) + len(found.lost) == len(announced)
    for span in found.spans:
        assert text[span.start : span.end].strip() == text[span.start : span.end] != ""
        assert span.type in TYPES


@given(gold_in_text(), st.data())
def test_a_correct_answer_that_was_damaged_loses_nothing_in_silence(
    drawn: tuple[str, list[Span]], data: st.DataObject
) -> None:
    answer = marked(*drawn)
    for _ in range(data.draw(st.integers(1, 4))):
        place, width = data.draw(st.integers(0, len(answer))), data.draw(st.integers(0, 6))
        answer = answer[:place] + data.draw(pieces | texts) + answer[place + width :]

    found = read(answer, drawn[0])

    announced = OPENINGS.findall(answer.rpartition("</think>")[2])
    assert len(found.spans) + len(found.lost) == len(announced)


HOSTILE = {
    "opened and never closed": (f"{D}a", "a "),
    "nested": (f"{D}a ", "b a "),
    "closed each": (f"{D}a{CLOSE} ", "a "),
    "not in the text": (f"{D}b a a{CLOSE} ", "a "),
    "every other word": ("a b ", "a "),
    "begun marks": ("<span ", "< "),
    "thoughts": ("</think>", "</think>"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_long_answer_takes_time_by_its_length_only(case: str) -> None:
    said, text = HOSTILE[case]

    def seconds(length: int) -> float:
        answer = said * (length // len(said)) + CLOSE * (length // 40 * (case == "nested"))
        began = time.process_time()
        read(answer, text * (length // len(text)))
        return time.process_time() - began

    # Eight times the length would take 64 times as long if time grew with its square.
    short, long = (min(seconds(length) for _ in range(3)) for length in (12_500, 100_000))
    assert long < 40 * short + 0.05
