import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.evaluation.cohorts import Cohort, in_hash_order, limited, set_aside

IDENT = ("n1", "n2", "n3", "n4", "n5")
IDS = st.lists(st.text(max_size=5), unique=True, max_size=30)


def note(id_: str, text: str = "Pain.") -> Note:
    return Note(id_, "heart", text, (), ())


def ids(notes: tuple[Note, ...]) -> list[str]:
    return [one.id for one in notes]


def test_notes_stand_in_the_order_of_the_sha1_of_their_ids() -> None:
    digests = {id_: hashlib.sha1(id_.encode(), usedforsecurity=False).hexdigest() for id_ in IDENT}

    assert ids(in_hash_order([note(id_) for id_ in IDENT])) == sorted(
        IDENT, key=digests.__getitem__
    )
    # Not the order of the ids themselves, so that the test could fail.
    assert sorted(IDENT, key=digests.__getitem__) != sorted(IDENT)


@given(IDS)
def test_the_order_of_the_file_does_not_matter(names: list[str]) -> None:
    forth = in_hash_order([note(name) for name in names])

    assert in_hash_order([note(name) for name in reversed(names)]) == forth


@given(IDS, st.floats(0, 0.49))
def test_what_is_set_aside_and_what_is_kept_are_all_notes_once(
    names: list[str], share: float
) -> None:
    notes = [note(name) for name in names]

    kept, held_out = set_aside(notes, share)

    assert not set(ids(kept)) & set(ids(held_out))
    assert (*kept, *held_out) == in_hash_order(notes)


def test_a_tenth_is_rounded_and_nothing_is_nothing() -> None:
    notes = [note(str(number)) for number in range(26)]

    # 0.1 x 26 = 2.6, so 3.
    assert [len(part) for part in set_aside(notes, 0.1)] == [23, 3]
    assert [len(part) for part in set_aside(notes, 0.0)] == [26, 0]


@pytest.mark.parametrize(
    ("number", "share", "sizes"),
    [(2, 0.1, [1, 1]), (4, 0.1, [3, 1]), (2, 0.49, [1, 1]), (0, 0.1, [0, 0]), (1, 0.0, [1, 0])],
)
def test_of_a_few_notes_one_is_set_aside_and_one_kept(
    number: int, share: float, sizes: list[int]
) -> None:
    notes = [note(str(index)) for index in range(number)]

    assert [len(part) for part in set_aside(notes, share)] == sizes


@given(IDS, st.floats(0, 0.24), st.floats(0, 0.24))
def test_a_smaller_holdout_is_a_part_of_a_larger_one(
    names: list[str], share: float, more: float
) -> None:
    notes = [note(name) for name in names]

    small, large = set_aside(notes, share)[1], set_aside(notes, share + more)[1]

    assert set(ids(small)) <= set(ids(large))


# One, two, three and one sentence.
SENTENCES = (
    note("a", "Pain."),
    note("b", "Pain is worse. Fever is gone."),
    note("c", "Pain is worse. Fever is gone. He sleeps well."),
    note("d", "Rest."),
)


@pytest.mark.parametrize(
    ("max_sentences", "taken"),
    [
        # The first note is taken even where it is longer than the limit.
        (1, ["a"]),
        (2, ["a"]),
        (3, ["a", "b"]),
        # d would fit in 4 or 5, but a note left out ends the list.
        (5, ["a", "b"]),
        (6, ["a", "b", "c"]),
        (7, ["a", "b", "c", "d"]),
        (None, ["a", "b", "c", "d"]),
    ],
)
def test_whole_notes_are_taken_until_the_next_would_be_too_much(
    max_sentences: int | None, taken: list[str]
) -> None:
    assert ids(limited(SENTENCES, max_sentences=max_sentences)) == taken


def test_a_first_note_above_the_limit_is_taken_alone() -> None:
    assert ids(limited(SENTENCES[2:], max_sentences=1)) == ["c"]


def test_no_note_is_no_note() -> None:
    assert limited((), max_notes=3, max_sentences=3) == ()


def test_both_limits_hold() -> None:
    assert ids(limited(SENTENCES, max_notes=1, max_sentences=6)) == ["a"]
    assert ids(limited(SENTENCES, max_notes=4, max_sentences=3)) == ["a", "b"]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=10), st.integers(1, 12), st.integers(0, 12))
def test_a_smaller_limit_is_the_beginning_of_a_larger_one(
    sizes: list[int], limit: int, more: int
) -> None:
    notes = [note(str(i), "It hurts a lot. " * size) for i, size in enumerate(sizes)]

    small, large = limited(notes, max_sentences=limit), limited(notes, max_sentences=limit + more)

    assert large[: len(small)] == small
    assert limited(notes, max_notes=limit) == tuple(notes[:limit])


def test_a_cohort_hands_out_its_splits_and_no_other() -> None:
    cohort = Cohort(
        name="heart",
        role="train",
        labels=Labels((), ()),
        public=True,
        train=(note("t"),),
        held_out=(note("h"),),
        dev=(note("d"),),
        final=(note("f"),),
        final_split="test",
        sha256="a" * 64,
    )

    assert [ids(cohort.notes(split)) for split in ("train", "dev", "final")] == [
        ["t"],
        ["d"],
        ["f"],
    ]
    with pytest.raises(KeyError):
        cohort.notes("held_out")
