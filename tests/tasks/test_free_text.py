from dataclasses import replace

from fedmedlora.tasks.answers import Anything, expected, index_of, legal_ids
from fedmedlora.tasks.free_text import FreeText, Written

END = 2
GRAMMAR = FreeText(text=(11, 12, 13, 11, 12, 14), num_ids=20, end=END, most_ids=4)


def after(*ids: int, grammar: FreeText = GRAMMAR) -> Written:
    state = grammar.begin()
    for id_ in ids:
        state = grammar.step(state, id_)
    return state


def test_anything_may_come_next_and_what_came_next_in_the_text_is_expected() -> None:
    assert GRAMMAR.legal(after()) == Anything(20, END)
    assert GRAMMAR.legal(after(12, 13)) == Anything(20, 11)
    # Where they stand twice, it is what came next the last time.
    assert GRAMMAR.legal(after(11, 12)) == Anything(20, 14)
    assert GRAMMAR.legal(after(13, 13)) == Anything(20, END)


def test_an_answer_ends_when_it_says_so_or_has_no_room() -> None:
    assert GRAMMAR.legal(after(11, END)) == ()
    assert GRAMMAR.legal(after(11, 12, 14)) == (END,)
    assert after(11, 12, 14, END).is_whole
    assert replace(GRAMMAR, most_ids=1).legal(after()) == (END,)
    assert GRAMMAR.shortened(1000) == GRAMMAR


def test_all_that_is_legal_somewhere_is_one_list_or_everything() -> None:
    assert legal_ids([(7, 3), (3, 5)]) == [3, 5, 7]
    assert legal_ids([(7, 3), Anything(5, 0)]) == range(8)
    assert legal_ids([Anything(5, 0)]) == range(5)
    assert (index_of(range(5)), index_of([3, 7])) == (slice(5), [3, 7])
    assert (expected((7, 3)), expected(Anything(5, 4))) == (7, 4)
    assert len(Anything(5, 4)) == 5
