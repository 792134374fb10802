from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.tasks.words import Words

from fedmedlora.clinical.labels import ENTITY_TYPES, RELATION_TYPES
from fedmedlora.tasks.answers import WrittenExample, legal_ids
from fedmedlora.tasks.findings import Found, Span
from fedmedlora.tasks.markup import Markup
from fedmedlora.tasks.prompts import MEANINGS
from fedmedlora.tasks.reading import Reading
from fedmedlora.tasks.task import Tokens

TYPES = ("problem", "drug", "dosage")
TEXT = "severe chest pain , aspirin 5 mg"
#       0      7     13   18 20    28 30
CHEST_PAIN, ASPIRIN = Span(7, 17, "problem"), Span(20, 27, "drug")
OPEN = '<span class=" {} ">'
PROBLEM, DRUG, DOSAGE = (OPEN.format(type_) for type_ in TYPES)
CLOSE = "</span>"


@pytest.fixture
def words() -> Words:
    return Words()


@pytest.fixture
def markup(words: Words) -> Markup:
    return Markup(TYPES, words, end_id=2)


@pytest.fixture
def tokens(words: Words) -> Tokens:
    return words.tokenize(TEXT)


def whole(tokens: Tokens, *, head: Span | None = None, types: Sequence[str] = TYPES) -> Reading:
    return Reading(tokens, 0, len(tokens.ids), tuple(types), head)


def ids(answer: Tokens) -> NDArray[np.int64]:
    return np.array(answer.ids, np.int64)


class TestExample:
    def test_is_the_window_again_with_its_marks(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        example = markup.example(whole(tokens), [CHEST_PAIN, ASPIRIN])

        assert words.said(example.question) == f"{TEXT} \n = \n"
        assert words.said(example.completion) == (
            f"severe {PROBLEM} chest pain {CLOSE} , {DRUG} aspirin {CLOSE} 5 mg </s>"
        )

    def test_its_instruction_names_and_defines_only_what_is_asked_for(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        example = markup.example(whole(tokens, types=["drug"]), [])

        assert example.instruction[0] == 1
        assert words.said(example.instruction[1:]) == (
            "Copy the text and mark every \n drug : medicine , by name or class \n Text : \n"
        )

    def test_a_head_stands_in_brackets_in_question_and_answer(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        dosage = Span(28, 32, "dosage")
        example = markup.example(whole(tokens, head=ASPIRIN, types=["dosage"]), [dosage])

        assert "belongs to the head" in words.said(example.instruction[1:])
        marked = "severe chest pain , [ drug aspirin ]"
        assert words.said(example.question) == f"{marked} 5 mg \n = \n"
        assert words.said(example.completion) == f"{marked} {DOSAGE} 5 mg {CLOSE} </s>"

    def test_spans_nest_the_outer_first(self, markup: Markup, words: Words, tokens: Tokens) -> None:
        gold = [Span(0, 17, "problem"), CHEST_PAIN, Span(0, 17, "drug"), Span(13, 17, "drug")]
        example = markup.example(whole(tokens), gold[:3])

        assert words.said(example.completion) == (
            f"{PROBLEM} {DRUG} severe {PROBLEM} chest pain {CLOSE} {CLOSE} {CLOSE} "
            ", aspirin 5 mg </s>"
        )
        # A fourth level is left out.
        assert markup.example(whole(tokens), gold).completion == example.completion

    def test_two_spans_of_one_type_may_begin_together(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        example = markup.example(whole(tokens), [Span(7, 12, "problem"), CHEST_PAIN])

        assert words.said(example.completion) == (
            f"severe {PROBLEM} {PROBLEM} chest {CLOSE} pain {CLOSE} , aspirin 5 mg </s>"
        )
        assert len(example.steps) == len(example.completion)

    def test_spans_without_room_for_their_marks_are_left_out_the_shorter_first(
        self, markup: Markup, tokens: Tokens
    ) -> None:
        gold = [CHEST_PAIN, ASPIRIN]
        needed = markup.example(whole(tokens), [CHEST_PAIN])
        before = len(needed.instruction) + len(needed.question)
        # The last id of an answer takes no position.
        most = before + len(needed.completion) - 1
        example = replace(markup, most_positions=most).example(whole(tokens), gold)

        assert example.completion == needed.completion
        assert len(example.steps) == len(example.completion)
        assert replace(markup, most_positions=most + 5).example(whole(tokens), gold) != example

    def test_of_two_crossing_spans_the_shorter_is_left_out(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        gold = [Span(0, 12, "drug"), Span(7, 19, "problem")]  # severe chest | chest pain ,
        example = markup.example(whole(tokens), gold)

        assert words.said(example.completion) == (
            f"severe {PROBLEM} chest pain , {CLOSE} aspirin 5 mg </s>"
        )

    def test_a_span_that_the_window_cuts_is_left_out(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        example = markup.example(Reading(tokens, 0, 2, TYPES), [CHEST_PAIN])

        assert words.said(example.completion) == "severe chest </s>"

    def test_a_span_whose_mark_begins_like_the_text_goes_on_is_left_out(
        self, markup: Markup, words: Words
    ) -> None:
        tokens = words.tokenize("pain </span> gone")
        gold = [Span(0, 4, "problem"), Span(13, 17, "problem")]
        example = markup.example(whole(tokens), gold)

        assert words.said(example.completion) == f"pain </span> {PROBLEM} gone {CLOSE} </s>"

    def test_types_that_are_not_asked_for_are_left_out(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        example = markup.example(whole(tokens, types=["drug"]), [CHEST_PAIN, ASPIRIN])

        assert words.said(example.completion) == (
            f"severe chest pain , {DRUG} aspirin {CLOSE} 5 mg </s>"
        )

    def test_is_no_longer_than_it_says_but_for_marks(self, markup: Markup, tokens: Tokens) -> None:
        example = markup.example(whole(tokens, head=CHEST_PAIN), [])

        read = len(example.instruction) + len(example.question) + len(example.completion)
        assert read == markup.num_positions(len(tokens.ids))


class TestSteps:
    def test_say_what_was_legal_and_what_is_of_a_mark(self, markup: Markup, words: Words) -> None:
        tokens = words.tokenize("aspirin")
        example = markup.example(whole(tokens, types=["drug"]), [Span(0, 7, "drug")])

        opening = words.tokenize(DRUG).ids
        aspirin, close = tokens.ids[0], words.tokenize(CLOSE).ids[0]
        assert example.completion == (*opening, aspirin, close, 2)
        assert [step.legal for step in example.steps] == [
            (aspirin, opening[0]),
            (opening[1],),
            (opening[2],),
            (aspirin, opening[0]),
            (close,),
            (2,),
        ]
        assert [step.is_mark for step in example.steps] == [True, True, True, False, True, False]

    def test_inside_a_word_and_a_heads_bracket_there_is_no_choice(
        self, markup: Markup, words: Words
    ) -> None:
        # naus|ea , lasix
        tokens = Tokens("nausea, lasix", (91, 92, 93, 94), ((0, 4), (4, 6), (6, 7), (8, 13)))
        reading = whole(tokens, head=Span(0, 6, "problem"), types=["drug"])
        example = markup.example(reading, [])

        bracket, problem, closed = words.tokenize("[problem]").ids
        opening = words.tokenize(DRUG).ids[0]
        assert example.completion == (bracket, problem, 91, 92, closed, 93, 94, 2)
        assert [opening in legal_ids([step.legal]) for step in example.steps] == [
            *(True, False, True, False, True, True, True, False)
        ]


class TestSpans:
    def test_are_what_was_marked(self, markup: Markup, tokens: Tokens) -> None:
        gold = [CHEST_PAIN, Span(13, 17, "drug"), ASPIRIN]
        example = markup.example(whole(tokens), gold)

        assert markup.found(whole(tokens), example.ideal) == Found(tuple(sorted(gold)))

    def test_are_made_by_their_marks_and_what_lies_between(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        pain = Span(13, 17, "drug")
        example = markup.example(whole(tokens), [CHEST_PAIN, pain, ASPIRIN])

        decided = markup.found(whole(tokens), example.ideal).decided

        made_by = {span: words.said(example.ideal[decided[span]].tolist()) for span in decided}
        inner = f"{DRUG} pain {CLOSE}"
        assert made_by == {
            CHEST_PAIN: f"{PROBLEM} chest {inner} {CLOSE}",
            pain: inner,
            ASPIRIN: f"{DRUG} aspirin {CLOSE}",
        }

    def test_of_what_is_read_as_plain_text_no_id_alone_is_the_reason(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        # "chest pain" is closed, but what it lies in is open where the answer leaves the text.
        answer = words.tokenize(
            f"{DRUG} severe {CLOSE} {PROBLEM} {PROBLEM} chest pain {CLOSE} aspirin {CLOSE}"
        )

        found = markup.found(whole(tokens), ids(answer))

        assert CHEST_PAIN in found.spans
        assert [*found.decided] == [Span(0, 6, "drug")]

    def test_with_a_head_in_brackets_stay_where_they_are(
        self, markup: Markup, tokens: Tokens
    ) -> None:
        tails = [Span(0, 6, "dosage"), Span(7, 12, "drug"), Span(28, 32, "dosage")]
        for head in (CHEST_PAIN, ASPIRIN):
            reading = whole(tokens, head=head)
            example = markup.example(reading, tails)

            assert markup.found(reading, example.ideal) == Found(tuple(tails))

    def test_behind_what_is_not_legal_the_answer_is_read_as_marked_text(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        said = f"severe {PROBLEM} chest pain {CLOSE} then {DRUG} aspirin {CLOSE} {DRUG} ibuprofen"
        answer = words.tokenize(f"{said} {CLOSE} 5 mg")

        found = markup.found(whole(tokens), ids(answer))

        assert found == Found((CHEST_PAIN, ASPIRIN), ("not_in_text",))

    def test_a_span_that_is_open_where_the_answer_is_no_longer_legal_is_read_whole(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        # "pain" is left out.
        answer = words.tokenize(f"{DRUG} severe {CLOSE} {PROBLEM} chest , {CLOSE} aspirin 5 mg")

        found = markup.found(whole(tokens), ids(answer))

        assert found == Found((Span(0, 6, "drug"), Span(7, 19, "problem")))

    def test_a_span_that_the_answer_ends_in_is_lost(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        answer = words.tokenize(f"{PROBLEM} severe {CLOSE} {PROBLEM} chest pain")

        found = markup.found(whole(tokens), ids(answer))

        assert found == Found((Span(0, 6, "problem"),), ("never_closed",))

    @pytest.mark.parametrize("before", [TEXT, "so"])
    def test_nothing_behind_the_end_is_read(
        self, markup: Markup, words: Words, tokens: Tokens, before: str
    ) -> None:
        ids = [
            *words.tokenize(before).ids,
            markup.end_id,
            *words.tokenize(f"{DRUG} aspirin {CLOSE}").ids,
        ]

        assert markup.found(whole(tokens), np.array(ids, np.int64)) == Found()

    def test_marked_text_is_found_beside_and_around_a_head(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        answer = words.tokenize(
            f"chest {PROBLEM} pain {CLOSE} , [ {DRUG} drug {CLOSE} {DRUG} aspirin ] {CLOSE} "
            f"{DOSAGE} 5 mg"
        )

        found = markup.found(whole(tokens, head=ASPIRIN), ids(answer))

        tails = (Span(13, 17, "problem"), ASPIRIN, Span(28, 32, "dosage"))
        # What stands in brackets beside the head is not in the note.
        assert found == Found(tails, ("not_in_text",))

    def test_spans_that_differ_by_white_space_are_one(self, markup: Markup, words: Words) -> None:
        pain, opening, close = (words.tokenize(said).ids for said in ("pain", DRUG, CLOSE))
        line = 99
        tokens = Tokens("\npain", (line, *pain), ((1, 1), (1, 5)))
        answer = [*opening, line, *opening, *pain, *close, *close, markup.end_id]

        found = markup.found(whole(tokens), np.array(answer, np.int64))

        assert found == Found((Span(1, 5, "drug"),), ("repeated",))

    def test_what_was_only_thought_is_dropped_also_where_it_is_legal(
        self, markup: Markup, words: Words, tokens: Tokens
    ) -> None:
        thought = f"{PROBLEM} severe {CLOSE} chest hmm </think>"
        answer = words.tokenize(f"{thought} severe {PROBLEM} chest pain {CLOSE} , aspirin 5 mg")

        found = markup.found(whole(tokens), ids(answer))

        assert found == Found((CHEST_PAIN,))

    @pytest.mark.parametrize("seed", range(20))
    def test_nothing_that_is_said_raises(self, markup: Markup, tokens: Tokens, seed: int) -> None:
        markup.example(whole(tokens), [CHEST_PAIN])
        said = np.random.default_rng(seed).integers(0, 30, 40)

        assert set(markup.found(whole(tokens), said).spans) <= {CHEST_PAIN, ASPIRIN}


def test_every_type_has_a_meaning_of_few_words() -> None:
    assert set(MEANINGS) == {*ENTITY_TYPES, *RELATION_TYPES}
    assert max(len(meaning.split()) for meaning in MEANINGS.values()) <= 8


def test_examples_of_one_instruction_stand_together_by_length() -> None:
    words = Words()
    markup = Markup(TYPES, words, end_id=2)
    texts = ["pain", "pain and more pain"]
    alike = [
        markup.example(whole(words.tokenize(text), head=head), []).alike
        for head in (None, Span(0, 4, "problem"))
        for text in texts
    ]

    assert alike[0][0] == alike[1][0] != alike[2][0] == alike[3][0]
    # "pain" and three ids to the answer, and "pain"
    assert alike[0][1] == 4 + 1


def test_an_example_counts_its_answer() -> None:
    words = Words()
    example = Markup(TYPES, words, end_id=2).example(whole(words.tokenize("no pain")), [])

    assert isinstance(example, WrittenExample)
    assert example.num_label_tokens == 3
