"""BRAT as its own editor and other people's corpora write it."""

from pathlib import Path

import pytest
from tests.formats.exchange.invented import HARD, PLAIN, read, write

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.formats.exchange.brat import FORMAT

UNSAID = "Lupus"


def files(folder: Path, annotations: str, text: str = "Mild Lupus of skin.") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "n1.txt").write_bytes(text.encode())
    (folder / "n1.ann").write_bytes(annotations.encode())
    return folder


def faults_of(folder: Path, annotations: str) -> list[str]:
    notes, found, _ = read(FORMAT, files(folder, annotations))
    assert notes == []
    assert UNSAID not in "".join(found)
    return [fault.removeprefix(str(folder)) for fault in found]


def test_a_gap_stands_as_two_pairs_of_offsets(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [HARD])

    (file,) = tmp_path.rglob("*.ann")
    line = file.read_bytes().decode().split("\n")[3]
    assert line == "T4\tproblem 31 38;47 50\tpain of leg"


def test_the_text_is_the_note_byte_by_byte(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [HARD])

    (file,) = tmp_path.rglob("*.txt")
    assert file.read_bytes() == HARD.text.encode()


def test_confidence_is_an_annotators_note(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [HARD])

    (file,) = tmp_path.rglob("*.ann")
    assert file.read_text("utf-8").endswith("#1\tAnnotatorNotes T2\tconfidence 0.1\n")


@pytest.mark.parametrize(
    "id_", ["..", ".", "../../x", "a/b", "/x", "ä" * 300, "%41", "a.txt", "x%/y"]
)
def test_an_id_that_is_no_file_name_stays_under_the_folder(tmp_path: Path, id_: str) -> None:
    folder = tmp_path / "out"
    write(folder, FORMAT, [Note(id_, "", "Well.", (), ())])

    assert [note.id for note in read(FORMAT, folder)[0]] == [id_]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in folder.rglob(".*")] == []


def test_folders_in_the_source_are_part_of_the_id(tmp_path: Path) -> None:
    files(tmp_path / "ward", "")

    assert [note.id for note in read(FORMAT, tmp_path)[0]] == ["ward/n1"]
    assert [note.id for note in read(FORMAT, tmp_path / "ward" / "n1.ann")[0]] == ["n1"]


def test_events_are_read_as_their_triggers_and_roles(tmp_path: Path) -> None:
    annotations = (
        "T1\tproblem 5 10\tLupus\nT2\tbodyloc 14 18\tskin\nT3\tseverity 0 4\tMild\r\n"
        "E1\tproblem:T1 bodyloc2:T2\nR1\tseverity Arg1:E1 Arg2:T3\t\n"
    )

    (note,), found, unread = read(FORMAT, files(tmp_path, annotations))

    assert (found, unread) == ([], [])
    assert note.relations == (Relation("bodyloc", "T1", "T2"), Relation("severity", "T1", "T3"))


def test_what_a_note_has_no_place_for_is_counted(tmp_path: Path) -> None:
    annotations = (
        "T1\tproblem 5 10\tLupus\nA1\tNegation T1\nM1\tNegation T1\n"
        "N1\tReference T1 UMLS:C0\tLupus\n*\tEquiv T1 T1\n#1\tAnnotatorNotes T1\tconfidence high\n"
    )

    (note,), found, unread = read(FORMAT, files(tmp_path, annotations))

    assert found == []
    assert note.entities == (Entity("T1", "problem", 5, 10),)
    assert unread == [
        "attributes",
        "attributes",
        "links to a terminology",
        "equivalences",
        "annotators' notes",
    ]


def test_parts_that_touch_are_one(tmp_path: Path) -> None:
    (note,), *_ = read(FORMAT, files(tmp_path, "T1\tproblem 5 7;7 10\tLu pus\n"))

    assert note.entities == (Entity("T1", "problem", 5, 10),)


@pytest.mark.parametrize("words", ["Mild skin", "Mildskin", "mild  skin"])
def test_the_words_of_parts_may_stand_with_a_blank_or_without(tmp_path: Path, words: str) -> None:
    (note,), faults, _ = read(FORMAT, files(tmp_path, f"T1\tproblem 0 4;14 18\t{words}\n"))

    assert faults == []
    assert note.entities == (Entity("T1", "problem", 0, 18, ((0, 4), (14, 18))),)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("T1\tproblem 5 12\tLupus", "found a text of 5 characters that does not stand at"),
        ("T1\tproblem 5 99\tLupus", "found offsets 5 to 99, expected a span of the note's text"),
        ("T1\tproblem 10 5\tLupus", "found offsets 10 to 5"),
        ("T1\tproblem 5 8;7 10\tLup pus", "found parts that overlap"),
        ("T1\tproblem 4 5\t ", "found only white space, 1 characters"),
        ("T1 problem 5 10 Lupus", "found a line that cannot be read, expected an id, a type with"),
        ("T1\tproblem 5 10;\tLupus", "found a line that cannot be read"),
        ("R1\tseverity Arg1:T8 Arg2:T9", "found 'T8' for its head, which no entity has"),
        ("R1 severity", "found a line that cannot be read, expected an id and a type with two"),
        ("Lupus", "found a line that cannot be read, expected a line that begins with T, R, E"),
    ],
)
def test_a_wrong_line_is_told_by_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    first = faults_of(tmp_path, f"\n{line}\n")[0]

    assert first.startswith(f"/n1.ann:2: {told}")


def test_every_fault_of_a_file_is_told(tmp_path: Path) -> None:
    assert len(faults_of(tmp_path, "T1\tproblem 5 12\tLupus\nT1\tproblem 5 99\tLupus\n")) == 3


def test_a_half_alone_is_told(tmp_path: Path) -> None:
    (tmp_path / "n1.txt").write_text("Well.", encoding="utf-8")
    (tmp_path / "n2.ann").write_text("", encoding="utf-8")

    notes, found, _ = read(FORMAT, tmp_path)

    assert notes == []
    advice = "an empty one says that nothing is annotated"
    assert found == [
        f"{tmp_path}/n1.ann: found no such file, expected it beside n1.txt; {advice}",
        f"{tmp_path}/n2.txt: found no such file, expected it beside n2.ann",
    ]


def test_bytes_that_are_not_utf8_are_told_by_line_and_byte(tmp_path: Path) -> None:
    files(tmp_path, "")
    (tmp_path / "n1.txt").write_bytes(b"Well.\nS\xe4ure")

    (told,) = read(FORMAT, tmp_path)[1]
    assert told.startswith(f"{tmp_path}/n1.txt:2: found byte 0xe4 at byte 2 of the line, expected")


def test_two_hospitals_notes_do_not_mix(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [HARD, PLAIN])

    assert len(read(FORMAT, tmp_path)[0]) == 2
