"""i2b2 2010 as the task gave it out, and what stands beside ours."""

from pathlib import Path

import pytest
from tests.formats.exchange.invented import HARD, read, write

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.formats.exchange.i2b2 import FORMAT

UNSAID = "Lupus"
TEXT = "Admission :\nHe has mild Lupus , on Iron for it .\n"
CONCEPTS = (
    'c="mild lupus" 2:2 2:3||t="problem"',
    'c="iron" 2:6 2:6||t="treatment"',
)
RELATION = 'c="iron" 2:6 2:6||r="TrAP"||c="mild lupus" 2:2 2:3'


def files(folder: Path, *concepts: str, relations: tuple[str, ...] = ()) -> Path:
    for name, lines in (("concept/n1.con", concepts), ("rel/n1.rel", relations)):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "txt").mkdir()
    (folder / "txt" / "n1.txt").write_text(TEXT, encoding="utf-8")
    return folder


def test_the_tasks_files_are_read(tmp_path: Path) -> None:
    (note,), faults, unread = read(FORMAT, files(tmp_path, *CONCEPTS, relations=(RELATION,)))

    assert (faults, unread) == ([], [])
    assert note.entities == (Entity("T1", "problem", 19, 29), Entity("T2", "treatment", 35, 39))
    assert note.relations == (Relation("TrAP", "T2", "T1"),)
    assert FORMAT.types["TrAP"] == "treats"


def test_a_folder_of_hospitals_gives_ids_with_the_hospital(tmp_path: Path) -> None:
    files(tmp_path / "beth", *CONCEPTS)
    (tmp_path / "beth" / "ast").mkdir()
    assertion = f'{CONCEPTS[0]}||a="present"\n'
    (tmp_path / "beth" / "ast" / "n1.ast").write_text(assertion, encoding="utf-8")

    (note,), faults, unread = read(FORMAT, tmp_path)

    assert (note.id, faults, unread) == ("beth/n1", [], ["assertions"])


def test_a_note_is_written_as_the_task_has_it(tmp_path: Path) -> None:
    entities = (Entity("T1", "problem", 19, 29), Entity("T2", "treatment", 35, 39))
    write(tmp_path, FORMAT, [Note("n1", "", TEXT, entities, (Relation("treats", "T2", "T1"),))])

    written = (tmp_path / "concept" / "n1.con").read_text("utf-8")
    assert written == 'c="mild Lupus" 2:2 2:3||t="problem"\nc="Iron" 2:6 2:6||t="treatment"\n'
    assert (tmp_path / "rel" / "n1.rel").read_text("utf-8").lower() == f"{RELATION.lower()}\n"
    assert not (tmp_path / "rest").exists()


def test_without_what_stands_beside_spans_are_whole_words(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [HARD])
    (file,) = (tmp_path / "rest").iterdir()
    file.unlink()

    (note,), faults, unread = read(FORMAT, tmp_path)

    assert faults == []
    assert note.text == HARD.text
    assert note.text[note.entities[5].start : note.entities[5].end] == "Söre"
    # Söre throat is annotated twice, and so are Iron and leg.
    assert {*unread} == {"relations of words with several concepts"}
    assert len(unread) + len(note.relations) == len(HARD.relations)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('c="lupus" 2:2 2:3||t="problem"', "found a text of 5 characters that does not stand at"),
        (
            'c="lupus" 3:2 3:3||t="problem"',
            "found words that are not there, expected lines",
        ),
        ('c="lupus" 2:2 2:99||t="problem"', "found words that are not there"),
        ('c="lupus" 2:2||t="problem"', "found a line that cannot be read, expected c="),
        ("Lupus", "found a line that cannot be read, expected c="),
    ],
)
def test_a_wrong_concept_is_told_by_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    _, (fault,), _ = read(FORMAT, files(tmp_path, line))

    assert fault.startswith(f"{tmp_path}/concept/n1.con:1: {told}")
    assert UNSAID not in fault


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('c="he" 2:0 2:0||r="TrAP"||c="iron" 2:6 2:6', "found words of which no concept is"),
        ('c="iron" 2:6 2:6||c="iron" 2:6 2:6', "found a line that cannot be read"),
        ('c="iron" 2:6 2:6||r="TrAP"||c="iron" 2:6', "found a line that cannot be read"),
    ],
)
def test_a_wrong_relation_is_told_by_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    _, (fault,), _ = read(FORMAT, files(tmp_path, *CONCEPTS, relations=(line,)))

    assert fault.startswith(f"{tmp_path}/rel/n1.rel:1: {told}")


@pytest.mark.parametrize("lost", ["txt/n1.txt", "concept/n1.con"])
def test_a_file_that_is_missing_is_told(tmp_path: Path, lost: str) -> None:
    (files(tmp_path, *CONCEPTS) / lost).unlink()

    _, (fault,), _ = read(FORMAT, tmp_path)

    assert f"found no {lost[-4:]} file beside it" in fault


def test_what_no_longer_fits_is_told(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [HARD])
    (concepts,) = (tmp_path / "concept").iterdir()
    lines = concepts.read_text("utf-8").splitlines(keepends=True)
    concepts.write_text("".join(lines[1:]), encoding="utf-8")

    notes, faults, _ = read(FORMAT, tmp_path)

    assert notes == []
    assert any("spans beside it that do not fit the note" in fault for fault in faults)
