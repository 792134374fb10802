import pytest

from fedmedlora.clinical.notes import Entity, Relation
from fedmedlora.synthetic.pieces import Passage, compose, join


def test_offsets_are_those_of_the_pieces() -> None:
    passage = compose("[negation @p: No] [problem p: [bodyloc @: chest] pain] today.")

    # No=0..2, chest=3..8, chest pain=3..13
    assert passage == Passage(
        "No chest pain today.",
        (
            Entity("T1", "negation", 0, 2),
            Entity("T2", "problem", 3, 13),
            Entity("T3", "bodyloc", 3, 8),
        ),
        (Relation("negation", "T2", "T1"), Relation("bodyloc", "T2", "T3")),
    )


def test_link_names_its_relation_and_may_look_ahead() -> None:
    passage = compose("[problem treats@d: Gout]: [drug d: colchicine].")

    assert passage.relations == (Relation("treats", "T2", "T1"),)


def test_one_piece_may_belong_to_two_heads() -> None:
    passage = compose("[negation @p @q: no] [problem p: rash], [problem q: itch]")

    assert passage.relations == (
        Relation("negation", "T2", "T1"),
        Relation("negation", "T3", "T1"),
    )


def test_colons_and_slashes_may_stand_in_the_text() -> None:
    passage = compose("Seen 8:15: [test t: MMSE]: [labvalue @t: 21/30]")

    assert passage.text == "Seen 8:15: MMSE: 21/30"


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ("[problem p: rash", "unclosed piece"),
        ("rash]", "closes nothing"),
        ("[problem p:  rash]", "without outer white space"),
        ("[severity @x: mild] [problem p: rash]", "link to 'x'"),
        ("[severity @: mild] rash", "expected an enclosing piece"),
    ],
)
def test_wrong_mark_up_is_refused(marked: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compose(marked)


def test_joined_passages_are_shifted_and_renumbered() -> None:
    one = compose("[problem p: Rash] [course @p: stable]. ")
    other = compose("[problem p: Itch] [course @p: worse].")

    joined = join([one, other])

    # "Rash stable. " has 13 characters: Itch=13..17, worse=18..23
    assert joined.text == "Rash stable. Itch worse."
    assert joined.entities[2:] == (
        Entity("T3", "problem", 13, 17),
        Entity("T4", "course", 18, 23),
    )
    assert joined.relations == (Relation("course", "T1", "T2"), Relation("course", "T3", "T4"))
