import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.cli.conftest import Shell

from fedmedlora import bundled
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
    "lost": {"never_closed": 2},
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
        "lost": {"never_closed": 2},
    }


def test_a_relation_to_nothing_that_was_found_ends_at_a_problem() -> None:
    predicted: Any = FOUND["predicted"]
    alone = {**FOUND, "predicted": {**predicted, "entities": predicted["entities"][:1]}}

    document = _document(alone)

    assert entity("T3", "problem", 17, 28, "severe pain") in document["entities"]
    assert {"type": "treats", "head": "T1", "tail": "T3"} in document["relations"]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What was read, by a model that finds the same everywhere and says where it lay."""
    read: list[dict[str, str]] = []

    def open_source(place: Path, **_: object) -> SimpleNamespace:
        return SimpleNamespace(origin=f"round 1 in {place.name}")

    def predictions(_: object, texts: dict[str, str]) -> list[dict[str, Any]]:
        read.append(texts)
        return [{**FOUND, "note_id": name} for name in texts]

    monkeypatch.setattr(extraction, "open_source", open_source)
    monkeypatch.setattr(extraction, "_predictions", predictions)
    return read


@pytest.fixture
def adapter(tmp_path: Path) -> str:
    """The name of a folder, which is what tells an adapter from a note."""
    (tmp_path / "adapter").mkdir()
    return str(tmp_path / "adapter")


@pytest.fixture
def note(tmp_path: Path) -> str:
    (tmp_path / "note.txt").write_text("no pain", "utf-8")
    return str(tmp_path / "note.txt")


def test_files_are_read_whole_and_told_in_order(
    found: list[dict[str, str]], adapter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "b.txt", tmp_path / "a.txt"]
    for number, file in enumerate(files):
        file.write_bytes(f"Fièvre\r\n{number}".encode())

    assert main(["extract", adapter, *map(str, files), "--format", "jsonl"]) == 0

    assert found == [{str(file): f"Fièvre\r\n{number}" for number, file in enumerate(files)}]
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(file) for file in files]


@pytest.mark.parametrize(
    "named",
    [[], ["-"], ["-", "-"], ["bundled"], ["bundled", "-"], ["ADAPTER"], ["ADAPTER", "-"]],
    ids=" ".join,
)
def test_without_files_it_is_stdin(
    found: list[dict[str, str]],
    named: list[str],
    adapter: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Schmerz – 5".encode())))

    assert main(["extract", *(adapter if name == "ADAPTER" else name for name in named)]) == 0

    assert found == [{"-": "Schmerz – 5"}]
    assert [note["id"] for note in json.loads(capsys.readouterr().out)["notes"]] == ["-"]


@pytest.mark.parametrize(
    "words",
    [
        ["NOTE"],
        ["bundled", "NOTE"],
        ["--format", "json", "NOTE"],
        ["bundled", "--format", "json", "NOTE"],
        ["bundled", "--arm", "any", "--format", "json", "NOTE"],
    ],
)
def test_where_no_folder_is_named_the_adapter_of_the_package_reads_and_says_so(
    found: list[dict[str, str]], note: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", *(note if word == "NOTE" else word for word in words)]) == 0

    assert found == [{note: "no pain"}]
    said = capsys.readouterr()
    origin = f"round 1 in {bundled.ADAPTER.name}: the adapter of this package, which learnt from"
    assert json.loads(said.out)["origin"].startswith(origin)
    assert said.err.startswith(f"read by {origin} invented notes: not for clinical use\n")


def test_an_adapter_of_one_s_own_says_where_it_comes_from_and_no_more(
    found: list[dict[str, str]], adapter: str, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", adapter, note]) == 0

    assert found == [{note: "no pain"}]
    said = capsys.readouterr()
    assert json.loads(said.out)["origin"] == "round 1 in adapter"
    assert said.err.splitlines()[0] == "read by round 1 in adapter"


def test_what_was_lost_is_told_beside_the_answer(
    found: list[dict[str, str]], adapter: str, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Path(note).with_name("other.txt")
    other.write_text("x", "utf-8")

    main(["extract", adapter, note, str(other), "--format", "jsonl"])

    said = capsys.readouterr()
    assert [json.loads(line)["lost"] for line in said.out.splitlines()] == [{"never_closed": 2}] * 2
    assert said.err.splitlines()[1:] == [
        "Left out, for it stands nowhere in the note: 4 with no end."
    ]
    assert len(found) == 1


def test_a_page_is_one_file(
    found: list[dict[str, str]], adapter: str, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", adapter, note, "--format", "html"]) == 0

    page = capsys.readouterr().out
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    assert "drug 1" in page
    assert "dosage → 1" in page
    assert len(found) == 1


def test_what_export_wrote_reads_as_the_adapter_of_the_package(
    shell: Shell, finished: Path, note: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shipped"
    words = ["export", finished, "--to", "peft", "--dtype", "bfloat16", "--out", folder]
    assert shell(*words).code == 0
    monkeypatch.setattr(bundled, "ADAPTER", folder)

    said = shell("extract", note)

    assert b'"BF16"' in (folder / "adapter_model.safetensors").read_bytes()
    assert said.code == 0
    told = json.loads(said.out)
    assert told["origin"].startswith("fed_medlora_plus of small, round ")
    assert [(one["id"], one["text"]) for one in told["notes"]] == [(note, "no pain")]


def test_a_script_gets_all_notes_in_one_line(
    found: list[dict[str, str]], adapter: str, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["extract", adapter, note, "--json"])

    (line,) = capsys.readouterr().out.splitlines()
    assert len(json.loads(line)["notes"]) == len(found) == 1


def test_files_that_cannot_be_read_are_told_at_once(
    found: list[dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latin").write_bytes("Fièvre".encode("latin-1"))
    files = [str(tmp_path / name) for name in ("none", "latin", "")]

    assert main(["extract", *files]) == 2

    told = capsys.readouterr().err
    assert f"{files[0]}: found No such file" in told
    assert f"{files[1]}: found bytes that are no UTF-8" in told
    assert "iconv" in told
    # A folder that does not come first is no note.
    assert f"{tmp_path}: found Is a directory" in told
    assert told.count("a run or an adapter is a folder and comes first\n") == 2
    assert "vre" not in told
    assert found == []
