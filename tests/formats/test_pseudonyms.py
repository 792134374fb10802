"""What is replaced, what stays, and where annotations are afterwards."""

import socket
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.exchange.invented import HARD, PLAIN, notes

from fedmedlora.clinical.notes import Entity, Labels, Note, SiteNotes
from fedmedlora.formats.pseudonyms import Found, pattern_finder, pseudonymise, pseudonymise_site

#       0         1         2
#       0123456789012345678901234
TEXT = "Call 5550 or 5550 on pain"
FOUND = [Found(5, 9, "PHONE"), Found(13, 17, "PHONE")]


def moved(*spans: tuple[int, int]) -> list[str]:
    note = Note("n1", "a", TEXT, tuple(Entity(str(s), "problem", *s) for s in spans), ())
    after = pseudonymise(note, FOUND)
    return [after.text[e.start : e.end] for e in after.entities]


def test_the_same_words_get_the_same_placeholder() -> None:
    assert pseudonymise(Note("n1", "a", TEXT, (), ()), FOUND).text == (
        "Call [PHONE_1] or [PHONE_1] on pain"
    )


def test_annotations_move_along() -> None:
    assert moved((0, 4), (10, 12), (21, 25)) == ["Call", "or", "pain"]
    assert moved((0, 25)) == ["Call [PHONE_1] or [PHONE_1] on pain"]


def test_an_annotation_that_touches_what_is_replaced_takes_all_of_it() -> None:
    assert moved((5, 9), (6, 8), (0, 7), (7, 12)) == [
        "[PHONE_1]",
        "[PHONE_1]",
        "Call [PHONE_1]",
        "[PHONE_1] or",
    ]
    # What ends where it begins, or begins where it ends, stays outside.
    assert moved((0, 5), (9, 13)) == ["Call ", " or "]


def test_parts_within_one_placeholder_are_one() -> None:
    entity = Entity("T1", "problem", 5, 25, ((5, 6), (8, 9), (21, 25)))
    (after,) = pseudonymise(Note("n1", "a", TEXT, (entity,), ()), FOUND).entities

    # "Call " is 5, "[PHONE_1]" 9, " or " 4, and " on " another 4: pain begins at 31.
    assert (after.start, after.end, after.fragments) == (5, 35, ((5, 14), (31, 35)))


@st.composite
def finds(draw: st.DrawFn, text: str) -> Sequence[Found]:
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return [
        Found(start, end, "DATE") for start, end in zip(places[::2], places[1::2], strict=False)
    ]


@given(st.data())
def test_what_is_not_replaced_stays_character_by_character(data: st.DataObject) -> None:
    note = data.draw(notes())
    found = data.draw(finds(note.text))

    after = pseudonymise(note, found)

    replaced = {place for one in found for place in range(one.start, one.end)}
    for entity, moved_ in zip(note.entities, after.entities, strict=True):
        if replaced.isdisjoint(range(entity.start, entity.end)):
            assert after.text[moved_.start : moved_.end] == note.text[entity.start : entity.end]
        assert 0 <= moved_.start < moved_.end <= len(after.text)
    assert after.relations == note.relations


def test_what_was_replaced_is_counted() -> None:
    note = Note("n1", "a", TEXT, (), ())
    site = SiteNotes("a", Labels((), ()), public=False, splits={"train": (note, note)})

    after, counted = pseudonymise_site(site, lambda _: FOUND)

    assert counted == {"PHONE": 4}
    assert "5550" not in "".join(n.text for n in after.splits["train"])


@pytest.fixture(scope="module")
def find() -> Any:  # noqa: ANN401 -- a function
    pytest.importorskip("presidio_analyzer")
    return pattern_finder()


def told(find: Any, text: str) -> dict[str, list[str]]:  # noqa: ANN401 -- a function
    kinds: dict[str, list[str]] = {}
    for found in find(text):
        kinds.setdefault(found.kind, []).append(text[found.start : found.end])
    return kinds


@pytest.mark.parametrize(
    ("text", "kind", "there"),
    [
        ("Call 212-555-0187 today.", "PHONE", "212-555-0187"),
        ("Mail a.b@example.com now.", "EMAIL", "a.b@example.com"),
        ("See http://www.example.org/x today.", "URL", "http://www.example.org/x"),
        ("Seen on 12/03/2024.", "DATE", "12/03/2024"),
        ("Paid by 4111 1111 1111 1111.", "CARD", "4111 1111 1111 1111"),
        ("To DE89370400440532013000.", "IBAN", "DE89370400440532013000"),
        ("From 10.0.0.7 at night.", "IP", "10.0.0.7"),
        ("NHS number 943 476 5919.", "NHS", "943 476 5919"),
    ],
)
def test_patterns_of_persons_are_found(find: Any, text: str, kind: str, there: str) -> None:  # noqa: ANN401
    assert told(find, text) == {kind: [there]}


@pytest.mark.parametrize(
    "text",
    ["Iron 25 mg q.i.d., BP 120/80, Hb 12.5.", "A rash.In the morning.", HARD.text, PLAIN.text],
)
def test_what_a_note_says_of_illness_stays(find: Any, text: str) -> None:  # noqa: ANN401
    assert told(find, text) == {}


def test_a_name_is_not_found(find: Any) -> None:  # noqa: ANN401
    assert told(find, "Mrs Jane Miller of Boston has pain.") == {}


@pytest.mark.usefixtures("find")
def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    assert told(pattern_finder(), "a.b@example.co.uk http://example.de")
