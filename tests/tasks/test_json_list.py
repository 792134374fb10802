from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.tasks.words import Words

from fedmedlora.tasks.answers import WrittenExample, legal_ids
from fedmedlora.tasks.findings import Found, Span
from fedmedlora.tasks.json_list import JsonList
from fedmedlora.tasks.list_items import ListItems
from fedmedlora.tasks.reading import Reading
from fedmedlora.tasks.task import Tokens

TYPES = ("problem", "drug", "dosage")
TEXT = "severe chest pain , aspirin 5 mg , pain"
#       0      7     13   18 20    28 30 33 35
CHEST_PAIN, ASPIRIN = Span(7, 17, "problem"), Span(20, 27, "drug")


@pytest.fixture
def words() -> Words:
    return Words()


@pytest.fixture
def listing(words: Words) -> JsonList:
    return JsonList(TYPES, words, end_id=2)


@pytest.fixture
def tokens(words: Words) -> Tokens:
    return words.tokenize(TEXT)


def whole(tokens: Tokens, *, head: Span | None = None, types: Sequence[str] = TYPES) -> Reading:
    return Reading(tokens, 0, len(tokens.ids), tuple(types), head)


def item(type_: str, text: str) -> str:
    return f'{{"type": " {type_} ", "text": " {text} "}}'


def read(listing: JsonList, reading: Reading, example: WrittenExample) -> Found:
    return listing.found(reading, example.ideal)


def ids(words: Words, answer: str) -> NDArray[np.int64]:
    return np.array(words.tokenize(answer).ids, np.int64)


class TestExample:
    def test_is_a_list_in_the_order_of_the_text(
        self, listing: JsonList, words: Words, tokens: Tokens
    ) -> None:
        example = listing.example(whole(tokens), [ASPIRIN, CHEST_PAIN])

        assert words.said(example.question) == f"{TEXT} \n = \n"
        items = f"{item('problem', 'chest pain')} , {item('drug', 'aspirin')}"
        assert words.said(example.completion) == f"[ {items} ] </s>"

    def test_is_empty_where_nothing_is_to_be_found(
        self, listing: JsonList, words: Words, tokens: Tokens
    ) -> None:
        example = listing.example(whole(tokens), [])

        assert words.said(example.completion) == "[ ] </s>"

    def test_its_instruction_asks_for_a_list(
        self, listing: JsonList, words: Words, tokens: Tokens
    ) -> None:
        of_head = listing.example(whole(tokens, head=ASPIRIN, types=["dosage"]), [])

        assert words.said(of_head.instruction[1:]) == (
            "List in the order of the text what belongs to the head in brackets : "
            "\n dosage : amount taken at a time \n Text : \n"
        )

    def test_a_head_stands_in_brackets_in_the_question_alone(
        self, listing: JsonList, words: Words, tokens: Tokens
    ) -> None:
        reading = whole(tokens, head=ASPIRIN, types=["dosage"])
        example = listing.example(reading, [Span(28, 32, "dosage")])

        assert words.said(example.question).startswith("severe chest pain , [ drug aspirin ] 5 mg")
        assert words.said(example.completion) == f"[ {item('dosage', '5 mg')} ] </s>"
        assert read(listing, reading, example).spans == (Span(28, 32, "dosage"),)

    def test_every_id_of_an_answer_is_legal(self, listing: JsonList, tokens: Tokens) -> None:
        gold = [
            CHEST_PAIN,
            ASPIRIN,
            Span(0, 17, "problem"),
            Span(7, 17, "drug"),
            Span(13, 17, "drug"),
        ]
        example = listing.example(whole(tokens), gold)

        assert all(
            id_ in legal_ids([step.legal])
            for id_, step in zip(example.completion, example.steps, strict=True)
        )
        assert read(listing, whole(tokens), example).spans == tuple(sorted(gold))

    def test_of_two_spans_of_one_type_that_begin_together_the_longer_stays(
        self, listing: JsonList, tokens: Tokens
    ) -> None:
        gold = [Span(7, 12, "problem"), CHEST_PAIN, Span(7, 12, "drug")]
        example = listing.example(whole(tokens), gold)

        assert read(listing, whole(tokens), example).spans == (Span(7, 12, "drug"), CHEST_PAIN)

    def test_what_is_out_of_the_window_or_of_the_types_is_left_out(
        self, listing: JsonList, words: Words, tokens: Tokens
    ) -> None:
        cut = Reading(tokens, 1, 4, ("problem",))
        example = listing.example(cut, [Span(0, 17, "problem"), ASPIRIN, Span(13, 17, "drug")])

        assert words.said(example.completion) == "[ ] </s>"

    def test_a_text_that_would_have_to_be_escaped_is_left_out(
        self, listing: JsonList, words: Words
    ) -> None:
        tokens = words.tokenize('so " called " pain')
        gold = [Span(3, 13, "problem"), Span(14, 18, "problem")]
        example = listing.example(whole(tokens), gold)

        assert words.said(example.completion) == f"[ {item('problem', 'pain')} ] </s>"

    def test_items_without_room_are_left_out(self, listing: JsonList, tokens: Tokens) -> None:
        needed = listing.example(whole(tokens), [CHEST_PAIN])
        before = len(needed.instruction) + len(needed.question)
        # The last id of an answer takes no position.
        most = before + len(needed.completion) - 1
        short = replace(listing, most_positions=most).example(whole(tokens), [CHEST_PAIN, ASPIRIN])

        assert short.completion == needed.completion
        assert (
            replace(listing, most_positions=most - 1)
            .example(whole(tokens), [CHEST_PAIN])
            .completion
            == listing.example(whole(tokens), []).completion
        )


class TestFound:
    def test_an_item_takes_the_next_free_occurrence(
        self, listing: JsonList, tokens: Tokens
    ) -> None:
        # The notes annotate the second `pain` alone; the list cannot say so.
        example = listing.example(whole(tokens), [Span(35, 39, "problem")])
        assert read(listing, whole(tokens), example).spans == (Span(13, 17, "problem"),)

        both = listing.example(whole(tokens), [ASPIRIN, Span(35, 39, "problem")])
        assert read(listing, whole(tokens), both).spans == (ASPIRIN, Span(35, 39, "problem"))

    def test_an_item_is_made_by_its_ids(
        self, listing: JsonList, words: Words, tokens: Tokens
    ) -> None:
        example = listing.example(whole(tokens), [CHEST_PAIN, ASPIRIN])

        decided = listing.found(whole(tokens), example.ideal).decided

        made_by = {span: words.said(example.ideal[decided[span]].tolist()) for span in decided}
        assert made_by == {
            CHEST_PAIN: f"[ {item('problem', 'chest pain')}",
            ASPIRIN: f", {item('drug', 'aspirin')}",
        }

    def test_an_answer_that_breaks_off_counts_as_far_as_it_goes(
        self, listing: JsonList, words: Words, tokens: Tokens
    ) -> None:
        said = f"[ {item('drug', 'aspirin')} , {item('problem', 'pa')}"
        found = listing.found(whole(tokens), ids(words, said)[:-1])

        assert (found.spans, found.lost) == ((ASPIRIN,), ("never_closed",))

    def test_what_comes_behind_the_end_counts_for_nothing(
        self, listing: JsonList, words: Words, tokens: Tokens
    ) -> None:
        whole_ids = listing.example(whole(tokens), [ASPIRIN]).ideal
        found = listing.found(whole(tokens), np.append(whole_ids, ids(words, item("drug", "pain"))))

        assert found == Found((ASPIRIN,))


def test_the_grammar_begins_and_ends_texts_with_words(listing: JsonList, tokens: Tokens) -> None:
    grammar = listing.example(whole(tokens), []).grammar

    assert isinstance(grammar, ListItems)
    assert grammar.starts == tuple(range(9))
    assert grammar.ends == frozenset(range(1, 10))


def test_no_text_begins_or_ends_with_white_space(listing: JsonList) -> None:
    # The middle token is white space: it has no characters.
    tokens = Tokens("pain  aspirin", (11, 12, 13), ((0, 4), (5, 5), (6, 13)))
    grammar = listing.example(whole(tokens), []).grammar

    assert isinstance(grammar, ListItems)
    assert (grammar.starts, grammar.ends) == ((0, 2), frozenset({1, 3}))


def test_what_is_shown_takes_room_from_the_answer(listing: JsonList, tokens: Tokens) -> None:
    shown = listing.example(whole(tokens), [ASPIRIN])
    alone = listing.example(whole(tokens), [CHEST_PAIN])
    before = len(alone.instruction) + len(alone.question) + listing.num_shown(shown)
    # Room for the answer behind what is shown, and for one id less; the last is never read.
    enough = replace(listing, most_positions=before + len(alone.completion) - 1)
    short = replace(listing, most_positions=before + len(alone.completion) - 2)

    for form, openings in ((enough, 2), (short, 1)):
        example = form.behind(form.example(whole(tokens), [CHEST_PAIN]), [shown])
        (bracket,) = legal_ids([example.grammar.legal(example.grammar.begin())])
        begun = example.grammar.step(example.grammar.begin(), bracket)
        # Where an item has no room, the list must be closed at once.
        assert len(example.grammar.legal(begun)) == openings
        assert len(example.instruction) == len(alone.instruction) + listing.num_shown(shown)
