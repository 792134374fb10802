import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.tasks.copy_or_tag import MAX_DEPTH, CopyOrTag, Marks, State

END = 2
# Two types, whose marks begin alike; a closing mark of two ids.
MARKS = Marks(openings=((50, 60), (50, 61)), closing=(51, 52), end=END)
A, B, C = 10, 11, 12
TEXT = CopyOrTag((A, B, C), MARKS)


def legal(*ids: int, grammar: CopyOrTag = TEXT) -> set[int]:
    return set(grammar.legal(grammar.run(ids)))


class TestLegal:
    def test_at_the_start_is_the_text_or_a_mark(self) -> None:
        assert TEXT.legal(State()) == (A, 50)

    def test_a_mark_that_is_begun_is_finished(self) -> None:
        assert legal(50) == {60, 61}
        assert legal(50, 60, A, 51) == {52}

    def test_a_span_cannot_close_before_it_holds_anything(self) -> None:
        assert legal(50, 60) == {A, 50}
        assert legal(50, 60, A) == {B, 50, 51}

    def test_spans_of_one_type_may_begin_at_one_place(self) -> None:
        assert legal(50, 60, 50) == {60, 61}
        assert legal(50, 60, 50, 60) == {A, 50}

    def test_nothing_opens_that_would_leave_no_room_to_end(self) -> None:
        # Three tokens, the end and one span's marks: 2 + 2 ids.
        grammar = CopyOrTag((A, B, C), MARKS, most_ids=8)

        assert grammar.room == 4
        assert legal(grammar=grammar) == {A, 50}
        assert legal(50, grammar=grammar) == {60, 61}
        assert legal(50, 60, grammar=grammar) == {A}
        assert legal(50, 60, A, 51, 52, grammar=grammar) == {B}
        assert len((50, 60, A, 51, 52, B, C, END)) == 8
        assert legal(grammar=CopyOrTag((A, B, C), MARKS, most_ids=7)) == {A}

    def test_a_short_mark_may_open_where_a_long_one_leaves_no_room(self) -> None:
        # Two tokens, the end, and 2 ids of marks: 50 and its closing, but not 60 to 63.
        marks = Marks(((50,), (60, 61, 62, 63)), (51,), END)

        assert legal(grammar=CopyOrTag((A, B), marks, most_ids=5)) == {A, 50}
        assert legal(grammar=CopyOrTag((A, B), marks, most_ids=8)) == {A, 50, 60}

    def test_no_span_is_deeper_than_the_most(self) -> None:
        assert MAX_DEPTH == 3
        assert legal(50, 60, A, 50, 60, B, 50, 60) == {C}

    def test_behind_the_text_spans_close_and_then_it_ends(self) -> None:
        assert legal(50, 60, A, B, C) == {51}
        assert legal(50, 60, A, B, C, 51, 52) == {END}
        assert legal(A, B, C) == {END}
        assert legal(A, B, C, END) == set()

    def test_where_a_mark_begins_like_the_text_goes_on_the_text_wins(self) -> None:
        grammar = CopyOrTag((A, 50, 51, B), MARKS)

        assert legal(A, grammar=grammar) == {50}
        assert grammar.run((A, 50)).place == 2
        # A span that is open cannot close before a text that goes on with 51.
        assert legal(50, 60, A, 50, grammar=grammar) == {51, 50}
        assert grammar.run((50, 60, A, 50, 51)).place == 3

    def test_inside_a_word_nothing_opens_or_closes(self) -> None:
        grammar = CopyOrTag((A, B, C), MARKS, inside=frozenset({1}))

        assert legal(grammar=grammar) == {A, 50}
        assert legal(A, grammar=grammar) == {B}
        assert legal(50, 60, A, grammar=grammar) == {B}
        assert legal(50, 60, A, B, grammar=grammar) == {C, 50, 51}

    def test_an_empty_text_ends_at_once(self) -> None:
        assert legal(grammar=CopyOrTag((), MARKS)) == {END}


class TestAfter:
    def test_spans_are_counted_in_tokens_of_the_text(self) -> None:
        state = TEXT.run((50, 61, A, 50, 60, B, 51, 52, 51, 52, C, END))

        # type 0 on the second token, inside type 1 on the first two
        assert state.spans == ((1, 2, 0), (0, 2, 1))
        assert state.is_whole

    @pytest.mark.parametrize("ids", [(B,), (51,), (A, END), (50, A), (A, B, C, END, END)])
    def test_what_is_not_legal_is_refused(self, ids: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="may not come at place"):
            TEXT.run(ids)


@given(st.data())
def test_every_answer_ends_and_is_the_text_with_well_nested_spans(data: st.DataObject) -> None:
    text = tuple(data.draw(st.lists(st.sampled_from([A, B, C, 50, 51, 52, 60]), max_size=8)))
    spare = data.draw(st.integers(0, 30))
    most = len(text) + 1 + spare
    inside = data.draw(st.frozensets(st.integers(1, max(1, len(text) - 1))))
    grammar = CopyOrTag(text, MARKS, inside - {len(text)}, most_ids=most)
    state, copied = State(), []

    for _ in range(most):
        if state.is_whole:
            break
        id_ = data.draw(st.sampled_from(grammar.legal(state)))
        after = grammar.after(state, id_)
        copied += [id_] if after.place > state.place else []
        state = after

    assert state.is_whole
    assert tuple(copied) == text
    assert not state.open
    for first, last, _ in state.spans:
        assert 0 <= first < last <= len(text)
        assert not {first, last} & grammar.inside
        for other_first, other_last, _ in state.spans:
            assert not first < other_first < last < other_last
