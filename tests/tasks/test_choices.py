import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.tasks.choices import Choices, Said

END = 2
# 5 | 5 6 | 7 8
GRAMMAR = Choices(((5,), (5, 6), (7, 8)), END)


def after(*ids: int) -> Said:
    state = GRAMMAR.begin()
    for id_ in ids:
        state = GRAMMAR.step(state, id_)
    return state


def test_an_answer_goes_on_with_no_more_than_one_of_the_choices_does() -> None:
    assert GRAMMAR.legal(after()) == (5, 7)
    assert GRAMMAR.legal(after(7)) == (8,)
    assert GRAMMAR.legal(after(7, 8)) == (END,)


def test_one_that_begins_another_may_end_or_go_on() -> None:
    assert GRAMMAR.legal(after(5)) == (END, 6)


def test_the_end_is_said_behind_a_whole_choice_alone() -> None:
    assert after(5, END) == Said((5,), is_whole=True)
    assert GRAMMAR.legal(after(5, END)) == ()
    # A choice may hold the id of the end.
    assert Choices(((END, 5),), END).step(Said(), END) == Said((END,))


def test_choices_are_as_long_behind_what_is_shown() -> None:
    assert GRAMMAR.shortened(1000) is GRAMMAR
    assert GRAMMAR.text in ((5, 6), (7, 8))


@given(st.data(), st.lists(st.lists(st.integers(3, 6), min_size=1, max_size=4), min_size=1))
def test_every_way_through_is_one_of_the_choices(
    data: st.DataObject, each: list[list[int]]
) -> None:
    grammar = Choices(tuple(map(tuple, each)), END)
    state = grammar.begin()
    while legal := grammar.legal(state):
        before = state
        state = grammar.step(state, data.draw(st.sampled_from(legal)))
        assert not grammar.is_mark(before, state)

    assert state.is_whole
    assert [*state.ids] in each


@pytest.mark.parametrize("choice", [(5,), (5, 6), (7, 8)])
def test_every_choice_can_be_said(choice: tuple[int, ...]) -> None:
    assert after(*choice, END).is_whole
