from dataclasses import replace

from fedmedlora.tasks.heads import Ids
from fedmedlora.tasks.list_items import ItemMarks, ListItems, ListState

# [{type: 0, text: "  is 1 2 and of type 1  1 3; behind an item it is 4 2 and 4 3.
MARKS = ItemMarks(((1, 2), (1, 3)), ((4, 2), (4, 3)), (5,), (6,), (7,), 0)
TEXT = (11, 12, 11, 13)
WORDS = ListItems(TEXT, MARKS, (0, 1, 2, 3), frozenset({1, 2, 3, 4}))


def run(grammar: ListItems, ids: Ids) -> ListState:
    state = grammar.begin()
    for id_ in ids:
        assert id_ in grammar.legal(state)
        state = grammar.step(state, id_)
    return state


def legal(grammar: ListItems, ids: Ids) -> Ids:
    return grammar.legal(run(grammar, ids))


def test_a_list_is_empty_or_opens_with_an_item() -> None:
    assert legal(WORDS, ()) == (7, 1)
    assert legal(WORDS, (7,)) == (0,)
    assert run(WORDS, (7, 0)).is_whole
    assert legal(WORDS, (7, 0)) == ()


def test_an_item_says_its_type_then_copies_from_anywhere() -> None:
    assert legal(WORDS, (1,)) == (2, 3)
    assert legal(WORDS, (1, 2)) == (11, 12, 13)


def test_a_text_goes_on_wherever_the_window_has_it() -> None:
    # 11 stands before 12 and before 13.
    assert legal(WORDS, (1, 2, 11)) == (12, 13, 5)
    assert legal(WORDS, (1, 2, 11, 13)) == (5,)


def test_behind_an_item_comes_another_or_the_end() -> None:
    assert legal(WORDS, (1, 2, 11, 5)) == (6, 4)
    assert legal(WORDS, (1, 2, 11, 5, 4)) == (2, 3)
    assert legal(WORDS, (1, 2, 11, 5, 6)) == (0,)


def test_an_item_begins_no_earlier_than_the_one_before_and_later_than_its_types_last() -> None:
    first = (1, 2, 12, 5)

    assert legal(WORDS, (*first, 4, 2)) == (11, 13)
    assert legal(WORDS, (*first, 4, 3)) == (12, 11, 13)
    # 11 again is the one behind 12.
    assert legal(WORDS, (*first, 4, 2, 11)) == (13, 5)


def test_where_nothing_is_left_to_name_only_the_end_may_come() -> None:
    assert legal(WORDS, (1, 2, 13, 5)) == (6, 4)
    assert legal(WORDS, (1, 2, 13, 5, 4)) == (3,)
    assert legal(WORDS, (1, 2, 13, 5, 4, 3, 13, 5)) == (6,)


def test_texts_begin_and_end_with_words() -> None:
    # 11 12 is one word, 11 13 another.
    grammar = replace(WORDS, starts=(0, 2), ends=frozenset({2, 4}))

    assert legal(grammar, (1, 2)) == (11,)
    assert legal(grammar, (1, 2, 11)) == (12, 13)
    assert legal(grammar, (1, 2, 11, 12)) == (11, 5)


def test_no_text_holds_what_is_barred() -> None:
    grammar = replace(WORDS, barred=frozenset({1}))

    assert legal(grammar, (1, 2)) == (11, 13)
    # The first 11 is followed by what is barred, the second by 13.
    assert legal(grammar, (1, 2, 11)) == (13, 5)


def test_a_word_that_holds_what_is_barred_cannot_be_begun() -> None:
    grammar = replace(WORDS, starts=(0, 2), ends=frozenset({2, 4}), barred=frozenset({1}))

    assert legal(grammar, (1, 2)) == (11,)
    assert legal(grammar, (1, 2, 11)) == (13,)


def test_an_answer_ends_within_its_limit() -> None:
    # 1 2 11 5 6 0 are six ids.
    assert legal(replace(WORDS, most_ids=5), ()) == (7,)
    six = replace(WORDS, most_ids=6)
    assert legal(six, ()) == (7, 1)
    assert legal(six, (1, 2, 11)) == (5,)
    assert legal(six, (1, 2, 11, 5)) == (6,)
    assert legal(WORDS.shortened(3), ()) == (7, 1)
    assert legal(replace(WORDS, most_ids=8).shortened(3), ()) == (7,)


def test_a_long_word_is_begun_only_where_there_is_room_for_its_end() -> None:
    # The first word has three tokens, the second one; 1 2 13 5 6 0 are six ids.
    grammar = ListItems((11, 12, 14, 13), MARKS, (0, 3), frozenset({3, 4}), most_ids=7)

    assert legal(grammar, (1, 2)) == (13,)
    assert legal(replace(grammar, most_ids=8), (1, 2)) == (11, 13)
