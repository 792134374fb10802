from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.tasks.counts import Counts
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.findings import Found, Span
from fedmedlora.tasks.items import answer_schema
from fedmedlora.tasks.prompting import (
    FLAWS,
    Flaw,
    PromptExample,
    Prompting,
    WholeWords,
    output_of,
    said_by,
)
from fedmedlora.tasks.prompts import MEANINGS
from fedmedlora.tasks.reading import Reading, words

TYPES = ("problem", "drug", "dosage", "negation")
TEXT = "No chest pain, aspirin 5mg."
#       0  3           15      23
CHEST_PAIN, ASPIRIN = Span(3, 13, "problem"), Span(15, 22, "drug")
ANSWER = (
    '{"findings": [{"type": "problem", "text": "chest pain"}, {"type": "drug", "text": "aspirin"}]}'
)


def whole(
    text: str = TEXT, *, types: Sequence[str] = TYPES[:2], head: Span | None = None
) -> Reading:
    tokens = WholeWords().tokenize(text)
    return Reading(tokens, 0, len(tokens.ids), tuple(types), head)


def example(reading: Reading, *gold: Span) -> PromptExample:
    return Prompting(TYPES).example(reading, gold)


def cut(text: str) -> list[str]:
    tokens = WholeWords().tokenize(text)
    assert len(tokens.ids) == len(tokens.offsets)
    return [text[start:end] for start, end in tokens.offsets]


class TestExample:
    def test_is_the_window_and_its_answer_as_text(self) -> None:
        made = example(whole(), ASPIRIN, CHEST_PAIN)

        assert (made.text, made.answer) == (TEXT, ANSWER)
        assert made.schema == answer_schema(("problem", "drug"))
        assert said_by(made.ideal) == (ANSWER, None)
        assert (made.num_label_tokens, made.alike) == (len(ANSWER), (27,))

    def test_tells_and_defines_only_what_is_asked_for(self) -> None:
        told = example(whole()).instruction

        assert f"- problem: {MEANINGS['problem']}\n- drug: {MEANINGS['drug']}\n" in told
        assert "dosage" not in told
        assert "bracket" in told
        # Endpoints that promise JSON want to see the word.
        assert "JSON" in told

    def test_marks_the_head_whose_relations_are_wanted(self) -> None:
        made = example(
            whole(types=("dosage", "negation"), head=ASPIRIN), Span(23, 26, "dosage"), CHEST_PAIN
        )

        assert made.text == "No chest pain, [drug aspirin] 5mg."
        assert made.answer == '{"findings": [{"type": "dosage", "text": "5mg"}]}'
        assert "belongs to" in made.instruction
        assert made.instruction != example(whole(types=("dosage", "negation"))).instruction


class TestFound:
    def test_is_where_the_answer_says(self) -> None:
        assert Prompting(TYPES).found(whole(), output_of(ANSWER)) == Found((CHEST_PAIN, ASPIRIN))

    def test_keeps_what_was_said_before_the_answer_was_cut_off(self) -> None:
        found = Prompting(TYPES).found(whole(), output_of(ANSWER[:70], "cut_off"))

        # One reason, not a second one for the list that does not end.
        assert (found.spans, [*found.lost]) == ((CHEST_PAIN,), ["cut_off"])

    def test_keeps_what_else_was_lost(self) -> None:
        said = '[{"type": "drug", "text": "ibuprofen"}, {"ty'

        found = Prompting(TYPES).found(whole(), output_of(said, "cut_off"))

        assert [*found.lost] == ["not_in_text", "cut_off"]

    @pytest.mark.parametrize("flaw", FLAWS)
    def test_tells_why_nothing_was_said(self, flaw: Flaw) -> None:
        found = Prompting(TYPES).found(whole(), output_of("", flaw))

        assert found.spans == ()
        assert "|".join(found.lost) == flaw

    def test_tells_what_could_not_be_read(self) -> None:
        found = Prompting(TYPES).found(whole(), output_of("There is chest pain."))

        assert (found.spans, [*found.lost]) == ((), ["unreadable"])


@given(st.text(), st.sampled_from([None, *FLAWS]))
def test_an_output_says_the_answer_and_its_flaw(answer: str, flaw: Flaw | None) -> None:
    assert said_by(output_of(answer, flaw)) == (answer, flaw)


def test_an_example_comes_behind_those_that_show_how_it_is_done() -> None:
    made, shown = example(whole()), [example(whole(), ASPIRIN), example(whole("Rest."))]

    behind = Prompting(TYPES).behind(made, shown)

    assert behind.shown == tuple(shown)
    assert (behind.text, behind.instruction, made.shown) == (made.text, made.instruction, ())


def test_as_much_is_shown_as_the_experiment_wants() -> None:
    # 27 characters of text, and those of the answer.
    long = example(whole(), CHEST_PAIN, ASPIRIN)

    assert Prompting(TYPES).num_shown(long) == 27 + len(ANSWER)
    assert Prompting(TYPES).num_shown(long) < Prompting(TYPES).spare(8)


class TestWholeWords:
    @pytest.mark.parametrize(
        ("text", "own"),
        [
            ("No chest-pain,\n aspirin 5mg.", "No|chest|-|pain|,|aspirin|5|mg|."),
            ("47.5 mg, 1,200 x 3.", "47.5|mg|,|1,200|x|3|."),
            (" q.d. ", "q|.|d|."),
            ("头痛 and", "头|痛|and"),
            ("  \n", ""),
            ("", ""),
        ],
    )
    def test_are_what_findings_begin_and_end_with(self, text: str, own: str) -> None:
        assert "|".join(cut(text)) == own

    @given(st.text(alphabet="ab1.,- \n头Ä_", max_size=20))
    def test_are_words_of_their_own(self, text: str) -> None:
        tokens = WholeWords().tokenize(text)
        num_words = len(tokens.ids)

        assert words(tokens, 0, num_words) == [(i, i + 1) for i in range(num_words)]

    def test_make_no_text_of_ids(self) -> None:
        with pytest.raises(ValueError, match="found 2 ids to be read, expected none"):
            WholeWords().text((1, 2))


def test_a_note_is_extracted_as_a_perfect_model_would() -> None:
    entities = (
        Entity("T1", "problem", 3, 13),
        Entity("T2", "drug", 15, 22),
        Entity("T3", "dosage", 23, 26),
        Entity("T4", "negation", 0, 2),
    )
    relations = (Relation("dosage", "T2", "T3"), Relation("negation", "T1", "T4"))
    note = Note("n1", "a", TEXT, entities, relations)
    labels = Labels(("problem", "drug", "dosage", "negation"), ("dosage", "negation"))
    task = Extraction(Prompting(TYPES), WholeWords(), Prompting(TYPES).num_positions(64))

    (counts,) = task.score([note], task.ceiling([note], labels), labels)

    assert counts.part("ner").matched("strict") == Counts(2)
    assert (
        counts.part("re").matched("strict") == counts.part("re_gold").matched("strict") == Counts(2)
    )
    assert counts.unaligned == 0
