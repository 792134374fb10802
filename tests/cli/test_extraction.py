import io
import json
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.cli import extraction, main
from fedmedlora.cli.extraction import _document

FOUND = {
    "note_id": "n.txt",
    "text": "aspirin 5 mg for severe pain",
    "predicted": {
        "entities": [
            {"start": 0, "end": 7, "type": "drug"},
            {"start": 24, "end": 28, "type": "problem"},
        ],
        "links": [
            {
                "head": {"start": 0, "end": 7, "type": "drug"},
                "tail": {"start": 8, "end": 12, "type": "dosage"},
            },
            {
                "head": {"start": 0, "end": 7, "type": "drug"},
                "tail": {"start": 17, "end": 28, "type": "treats"},
            },
        ],
    },
}
"""'severe pain' is what the drug treats; the problem found there is 'pain'."""


def entity(id_: str, type_: str, start: int, end: int, text: str) -> dict[str, Any]:
    return {"id": id_, "type": type_, "start": start, "end": end, "text": text}


def test_a_note_has_the_shape_of_a_site_s_files() -> None:
    assert _document(FOUND) == {
        "id": "n.txt",
        "text": FOUND["text"],
        "entities": [
            entity("T1", "drug", 0, 7, "aspirin"),
            entity("T2", "dosage", 8, 12, "5 mg"),
            entity("T3", "problem", 24, 28, "pain"),
        ],
        "relations": [
            {"type": "dosage", "head": "T1", "tail": "T2"},
            {"type": "treats", "head": "T1", "tail": "T3"},
        ],
    }


def test_a_relation_to_nothing_that_was_found_ends_at_a_problem() -> None:
    predicted: Any = FOUND["predicted"]
    alone = {**FOUND, "predicted": {**predicted, "entities": predicted["entities"][:1]}}

    document = _document(alone)

    assert entity("T3", "problem", 17, 28, "severe pain") in document["entities"]
    assert {"type": "treats", "head": "T1", "tail": "T3"} in document["relations"]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What was read, by a model that finds the same everywhere."""
    read: list[dict[str, str]] = []

    class Known:
        origin = "fed_medlora of demo, round 1"

    def predictions(_: object, texts: dict[str, str]) -> list[dict[str, Any]]:
        read.append(texts)
        return [{**FOUND, "note_id": name} for name in texts]

    monkeypatch.setattr(extraction, "open_source", lambda *_, **__: Known)
    monkeypatch.setattr(extraction, "_predictions", predictions)
    return read


def test_files_are_read_whole_and_told_in_order(
    found: list[dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "b.txt", tmp_path / "a.txt"]
    for number, file in enumerate(files):
        file.write_bytes(f"Fièvre\r\n{number}".encode())

    assert main(["extract", "adapter", *map(str, files), "--format", "jsonl"]) == 0

    assert found == [{str(file): f"Fièvre\r\n{number}" for number, file in enumerate(files)}]
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(file) for file in files]


@pytest.mark.parametrize("named", [[], ["-"]])
def test_without_files_it_is_stdin(
    found: list[dict[str, str]],
    named: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Schmerz – 5".encode())))

    assert main(["extract", "adapter", *named]) == 0

    assert found == [{"-": "Schmerz – 5"}]
    answer = json.loads(capsys.readouterr().out)
    assert answer["origin"] == "fed_medlora of demo, round 1"
    assert [note["id"] for note in answer["notes"]] == ["-"]


def test_a_script_gets_all_notes_in_one_line(
    found: list[dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("x", "utf-8")

    main(["extract", "adapter", str(tmp_path / "a.txt"), "--json"])

    (line,) = capsys.readouterr().out.splitlines()
    assert len(json.loads(line)["notes"]) == len(found) == 1


def test_files_that_cannot_be_read_are_told_at_once(
    found: list[dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latin").write_bytes("Fièvre".encode("latin-1"))
    files = [str(tmp_path / name) for name in ("none", "latin")]

    assert main(["extract", "adapter", *files]) == 2

    told = capsys.readouterr().err
    assert f"{files[0]}: found No such file" in told
    assert f"{files[1]}: found bytes that are no UTF-8" in told
    assert "vre" not in told
    assert found == []
