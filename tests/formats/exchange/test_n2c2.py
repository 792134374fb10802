"""n2c2's words, and the direction of its relations."""

from pathlib import Path

from tests.formats.exchange.invented import read, write

from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.formats.exchange.n2c2 import FORMAT

TEXT = "Iron 5 mg for rash, then rash."
DRUG, STRENGTH = Entity("T1", "drug", 0, 4), Entity("T2", "strength", 5, 9)
RASH, AGAIN = Entity("T3", "problem", 14, 18), Entity("T4", "problem", 25, 29)
NOTE = Note(
    "n1",
    "",
    TEXT,
    (DRUG, STRENGTH, RASH, AGAIN),
    (
        Relation("strength", "T1", "T2"),
        Relation("treats", "T1", "T3"),
        Relation("adverse_effect", "T1", "T4"),
    ),
)
THEIRS = (
    "T1\tDrug 0 4\tIron\nT2\tStrength 5 9\t5 mg\nT3\tReason 14 18\trash\nT4\tADE 25 29\trash\n"
    "R1\tStrength-Drug Arg1:T2 Arg2:T1\nR2\tReason-Drug Arg1:T3 Arg2:T1\n"
    "R3\tADE-Drug Arg1:T4 Arg2:T1\n"
)


def test_a_note_is_written_in_the_words_of_the_task(tmp_path: Path) -> None:
    write(tmp_path, FORMAT, [NOTE])

    assert (tmp_path / "n1.ann").read_text("utf-8") == THEIRS


def test_relations_are_read_from_the_drug(tmp_path: Path) -> None:
    (tmp_path / "n1.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "n1.ann").write_text(THEIRS, encoding="utf-8")

    (note,), *_ = read(FORMAT, tmp_path)

    assert [(FORMAT.types[r.type], r.head, r.tail) for r in note.relations] == [
        (r.type, r.head, r.tail) for r in NOTE.relations
    ]
    assert [FORMAT.types[e.type] for e in note.entities] == [e.type for e in NOTE.entities]


def test_what_the_task_has_no_word_for_keeps_ours(tmp_path: Path) -> None:
    treatment = Entity("T1", "treatment", 0, 4)
    note = Note("n1", "", TEXT, (treatment, RASH), (Relation("treats", "T1", "T3"),))

    write(tmp_path, FORMAT, [note])

    assert (tmp_path / "n1.ann").read_text("utf-8") == (
        "T1\ttreatment 0 4\tIron\nT3\tproblem 14 18\trash\nR1\ttreats Arg1:T1 Arg2:T3\n"
    )
