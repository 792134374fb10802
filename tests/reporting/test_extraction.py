import re
from typing import Any

from tests.reporting.test_page import HOSTILE, parsed

from fedmedlora.reporting.extraction import render_extraction

Json = dict[str, Any]


def note(name: str, text: str, **lost: int) -> Json:
    head, tail = ({"start": a, "end": a + 1, "type": t} for a, t in ((0, "drug"), (2, "dosage")))
    nothing: Json = {"entities": [], "links": []}
    predicted = {"entities": [head], "links": [{"head": head, "tail": tail}]}
    # As an engine gives it: nobody annotated it, so there is no gold worth drawing.
    return {
        "note_id": name,
        "site": "notes",
        "text": text,
        "gold": nothing,
        "predicted": predicted,
        "lost": lost,
    }


def test_every_note_is_drawn_without_gold() -> None:
    page = render_extraction("plus of demo", [note("a.txt", "p 5"), note("b.txt", "q 6")])

    assert "Read by plus of demo." in page
    assert page.index("Note a.txt") < page.index("Note b.txt")
    assert page.count("dosage → 1") == 2 * 2  # in the text and in the list
    assert "missed" not in page.partition("<body>")[2]


def test_what_was_lost_of_a_note_stands_with_it() -> None:
    page = render_extraction("plus", [note("a", "p 5", never_closed=2), note("b", "q 6")])

    assert re.search(r"Note a<.*nowhere in the note: 2 with no end\..*Note b<", page, re.DOTALL)
    assert page.count("nowhere in the note") == 1


def test_the_page_is_whole_asks_nobody_and_runs_nothing_of_a_note() -> None:
    page = render_extraction(HOSTILE, [note(HOSTILE, f"p 5{HOSTILE}")])

    structure = parsed(page)
    assert structure.open == []
    assert [tag for tag, _ in structure.elements].count("script") == 1
    assert not re.search(r"https?:|url\(|@import", page)
