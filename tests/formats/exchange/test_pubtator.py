"""PubTator as its corpora are, and what stands beside ours."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.formats.exchange.invented import BARE, HARD, PLAIN, read, write

from fedmedlora.clinical.notes import Entity, Relation
from fedmedlora.formats.exchange.pubtator import FORMAT

UNSAID = "Lupus"
CORPUS = """17|t|Lupus after iron.
17|a|Iron was stopped; lupus and Lupus.

18|t|Nothing.
18|a|
"""


def file(folder: Path, *lines: str) -> Path:
    path = folder / "CDR.PubTator.txt"
    at = CORPUS.index("\n18|") if lines else 0
    annotated = "".join(f"{line}\n" for line in lines)
    path.write_text(CORPUS[:at] + annotated + CORPUS[at:], encoding="utf-8")
    return path


def test_title_and_abstract_are_one_text(tmp_path: Path) -> None:
    lines = ("17\t0\t5\tLupus\tDisease\tD8180", "17\t18\t22\tIron\tChemical\tD7501")

    (note, bare), faults, unread = read(FORMAT, file(tmp_path, *lines))

    assert (faults, unread) == ([], [])
    assert note.text == "Lupus after iron.\nIron was stopped; lupus and Lupus."
    assert note.entities == (Entity("D8180", "Disease", 0, 5), Entity("D7501", "Chemical", 18, 22))
    assert (bare.id, bare.text) == ("18", "Nothing.")


def test_a_relation_of_terms_that_stand_once_each_is_read(tmp_path: Path) -> None:
    lines = ("17\t0\t5\tLupus\tDisease\tD1", "17\t18\t22\tIron\tChemical\tD2", "17\tCID\tD2\tD1")

    (note, _), *_ = read(FORMAT, file(tmp_path, *lines))

    assert note.relations == (Relation("CID", "D2", "D1"),)


def test_a_relation_of_a_term_that_stands_twice_is_counted(tmp_path: Path) -> None:
    lines = (
        "17\t0\t5\tLupus\tDisease\tD1",
        "17\t36\t41\tlupus\tDisease\tD1",
        "17\t18\t22\tIron\tChemical\tD2",
        "17\tCID\tD2\tD1",
        "17\t46\t51\tLupus\tDisease",
    )

    (note, _), faults, unread = read(FORMAT, file(tmp_path, *lines))

    assert (note.relations, faults) == ((), [])
    assert unread == ["relations between terms, not places"]
    assert [entity.id for entity in note.entities] == ["M1", "M2", "D2", "M3"]


def test_the_lines_are_pubtators_own(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [PLAIN])

    written = (tmp_path / "notes.pubtator").read_text("utf-8")
    assert written == "n2|t|No pain.\nn2|a|\nn2\t3\t7\tpain\tproblem\tT1\n\n"
    assert not (tmp_path / "notes.rest.jsonl").exists()


def test_no_title_ends_with_white_space_which_tools_take_away(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [replace(PLAIN, text="Pain. \r\n Leg.")])

    written = (tmp_path / "notes.pubtator").read_text("utf-8")
    # The blank is the one character between the two; CR, LF and a blank begin the abstract.
    assert written.startswith("n2|t|Pain.\nn2|a|   Leg.\n")


def test_offsets_are_right_without_what_stands_beside(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [HARD, BARE])
    (tmp_path / "notes.rest.jsonl").unlink()

    (note, _), faults, _ = read(FORMAT, tmp_path)

    assert faults == []
    assert note.text.split() == HARD.text.split()
    assert [(e.start, e.end) for e in note.entities] == [(e.start, e.end) for e in HARD.entities]
    assert note.relations == HARD.relations


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("17\t0\t4\tLupus\tDisease\tD1", "found a text of 5 characters that does not stand at its"),
        ("17\t0\t99\tLupus\tDisease\tD1", "found offsets 0 to 99, expected a span of the note's"),
        ("17\t0\tx\tLupus\tDisease\tD1", "found a line that cannot be read, expected id|t|title"),
        ("17\t0", "found a line that cannot be read"),
        ("19\t0\t5\tLupus\tDisease\tD1", "found a line that cannot be read"),
        ("Lupus", "found a line that cannot be read"),
    ],
)
def test_a_wrong_line_is_told_by_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    source = file(tmp_path, line)

    _, (fault,), _ = read(FORMAT, source)

    assert fault.startswith(f"{source}:3: {told}")
    assert UNSAID not in fault


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ("{", "notes.rest.jsonl:1: found a line that cannot be read"),
        ('{"id": "n2", "characters": [[0, "\\n"]]}', "characters beside it that do not fit"),
        ('{"id": "n2", "characters": [[2, "x"]]}', "characters beside it that do not fit"),
        ('{"id": "n2", "parts": {"T1": [[3, 4], [5, 6]]}}', "spans beside it that do not fit"),
        ('{"id": "n2", "parts": {"T9": [[3, 4], [5, 7]]}}', "spans beside it that do not fit"),
        ('{"id": "n2", "parts": {"T1": [["3", 4]]}}', "rest.jsonl:1: found a line that cannot"),
        ('{"id": "n2", "confidence": {"T1": 2}}', "rest.jsonl:1: found a line that cannot"),
        ('{"id": "n9", "patient": "17"}', "rest.jsonl: found a line of no note"),
    ],
)
def test_what_no_longer_fits_is_told(tmp_path: Path, beside: str, told: str) -> None:
    write(tmp_path, FORMAT, [PLAIN])
    (tmp_path / "notes.rest.jsonl").write_text(f"{beside}\n", encoding="utf-8")

    (fault,) = read(FORMAT, tmp_path)[1]

    assert told in fault


def test_bytes_that_are_not_utf8_are_told_by_line_and_byte(tmp_path: Path) -> None:
    source = tmp_path / "notes.pubtator"
    source.write_bytes(b"1|t|Well.\n1|a|S\xe4ure\n")

    assert read(FORMAT, source)[1][0].startswith(
        f"{source}:2: found byte 0xe4 at byte 6 of the line, expected UTF-8 text"
    )
