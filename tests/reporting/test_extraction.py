import re

from tests.reporting.test_page import HOSTILE, parsed

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.errors import Fault
from fedmedlora.formats.note_format import is_one_file
from fedmedlora.reporting.extraction import extraction_page


def note(name: str, text: str, **lost: int) -> Note:
    entities = (Entity("T1", "drug", 0, 1), Entity("T2", "dosage", 2, 3))
    return Note(name, "notes", text, entities, (Relation("dosage", "T1", "T2"),), lost=lost)


def page_of(origin: str, *notes: Note) -> str:
    form = extraction_page(origin)
    parts = [form.head, *map(form.render, notes), form.tail]
    return b"".join(part["notes.html"] for part in parts).decode()


def test_every_note_is_drawn_without_gold() -> None:
    page = page_of("plus of demo", note("a.txt", "p 5"), note("b.txt", "q 6"))

    assert "Read by plus of demo." in page
    assert page.index("Note a.txt") < page.index("Note b.txt")
    assert page.count("dosage → 1") == 2 * 2  # in the text and in the list
    assert "missed" not in page.partition("<body>")[2]


def test_a_relation_between_main_entities_is_what_it_is_to_its_head() -> None:
    entities = (Entity("T1", "drug", 0, 1), Entity("T2", "problem", 2, 3))
    page = page_of("plus", Note("a", "s", "p 5", entities, (Relation("treats", "T1", "T2"),)))

    assert "treats → 1" in page
    assert "problem 2" in page


def test_what_was_lost_of_a_note_stands_with_it() -> None:
    page = page_of("plus", note("a", "p 5", never_closed=2), note("b", "q 6"))

    assert re.search(r"Note a<.*Lost: 2 with no end\..*Note b<", page, re.DOTALL)
    assert page.count("Lost: ") == 1


def test_a_note_that_was_not_read_is_told_in_its_place() -> None:
    form = extraction_page("plus")
    assert form.unread is not None

    (said,) = form.unread(Fault(f"a{HOSTILE}", "no text", "a note")).values()

    assert said.startswith(b"<p>Note a")
    assert said.endswith(b"was not read: found no text, expected a note.</p>")
    assert HOSTILE.encode() not in said


def test_the_page_is_whole_asks_nobody_and_runs_nothing_of_a_note() -> None:
    page = page_of(HOSTILE, note(HOSTILE, f"p 5{HOSTILE}"), note("\x00", "p\x005"))

    structure = parsed(page)
    assert structure.open == []
    assert [tag for tag, _ in structure.elements].count("script") == 1
    assert not re.search(r"https?:|url\(|@import", page)


def test_the_page_is_one_file() -> None:
    assert is_one_file(extraction_page("plus"))
