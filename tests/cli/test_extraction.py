import io
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.cli.conftest import MARKER, Shell

from fedmedlora import bundled
from fedmedlora.cli import extraction, main
from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.formats.texts import Text


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What was read, by a model that finds the same everywhere and says where it lay."""
    read: list[dict[str, str]] = []

    def open_source(place: Path, **_: object) -> SimpleNamespace:
        adapter = {"a": np.zeros(1, np.float32)}
        return SimpleNamespace(
            origin=f"round 1 in {place.name}", adapter=adapter, base_digest="0" * 64
        )

    def results(texts: Sequence[Text]) -> list[Note]:
        if any(text.text.startswith("fail") for text in texts):
            raise ValueError(MARKER)
        read.append({text.name: text.text for text in texts})
        entities = (Entity("T1", "drug", 0, 1), Entity("T2", "dosage", 0, 2))
        relations = (Relation("dosage", "T1", "T2"),)
        return [
            Note(text.name, "notes", text.text, entities, relations, lost={"never_closed": 2})
            for text in texts
        ]

    monkeypatch.setattr(extraction, "open_source", open_source)
    monkeypatch.setattr(extraction, "reader", lambda _: results)
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
    assert said.err.splitlines()[1:] == ["Lost: 4 with no end."]
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


def test_what_is_not_there_is_told_before_a_model_is_loaded(
    found: list[dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / name) for name in ("none", "nothing", "")]

    assert main(["extract", *files, "--format", "jsonl"]) == 2

    told = capsys.readouterr().err.splitlines()
    assert [line.startswith(f"{file}: found ") for line, file in zip(told, files, strict=True)]
    assert told[0].endswith("a run or an adapter is a folder and comes first")
    assert "no *.txt in it" in told[2]
    assert found == []


@pytest.mark.parametrize("format_", ["json", "jsonl", "html"])
def test_notes_that_cannot_be_read_stop_no_other_and_are_told_without_a_word_of_them(
    found: list[dict[str, str]],
    tmp_path: Path,
    adapter: str,
    capsys: pytest.CaptureFixture[str],
    format_: str,
) -> None:
    contents = {
        "a": b"\xe4 " + MARKER.encode(),
        "b": b"pain",
        "c": b" \n",
        "d": b"",
        "e": f"fail {MARKER}".encode(),
        "f": b"cough",
    }
    notes = tmp_path / "notes"
    notes.mkdir()
    for name, content in contents.items():
        (notes / f"{name}.txt").write_bytes(content)

    assert main(["extract", adapter, str(notes), "--format", format_]) == 2

    said = capsys.readouterr()
    assert MARKER not in said.out + said.err
    assert [line.partition(", expected")[0] for line in said.err.splitlines()[1:-2]] == [
        f"{notes}/a.txt: found bytes that are no UTF-8",
        f"{notes}/c.txt: found only white space",
        f"{notes}/d.txt: found no text",
        f"{notes}/e.txt: found ValueError in the model",
    ]
    assert said.err.splitlines()[-1] == "4 of 6 notes could not be read"
    places = [said.out.index(f"{notes}/{name}.txt") for name in contents]
    assert places == sorted(places)
    # Read one by one where all together failed.
    assert [list(one) for one in found] == [[f"{notes}/b.txt"], [f"{notes}/f.txt"]]


def test_an_output_is_there_once_it_is_whole_and_asked_for_again_nothing_is_done(
    found: list[dict[str, str]], adapter: str, note: str, tmp_path: Path, shell: Shell
) -> None:
    out = tmp_path / "deep" / "out.jsonl"
    words = ("extract", adapter, note, "--format", "jsonl", "--out", out)

    first = shell(*words, "--json")

    assert first.code == 0
    assert json.loads(first.out) == {
        "out": str(out),
        "origin": "round 1 in adapter",
        "notes": 1,
        "unread": 0,
        "lost": {"never_closed": 2},
    }
    assert [json.loads(line)["id"] for line in out.read_text("utf-8").splitlines()] == [note]
    assert list(out.parent.iterdir()) == [out]
    again = shell(*words)
    assert again.code == 2
    assert again.err.startswith(f"--out: found {out}, which is there, expected ")
    resumed = shell(*words, "--resume")
    assert (resumed.code, resumed.out) == (0, f"{out}\n")
    assert len(found) == 1


def test_an_output_that_was_begun_goes_on_when_it_is_said(
    found: list[dict[str, str]],
    adapter: str,
    note: str,
    tmp_path: Path,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out.jsonl"
    notes = [Path(note).with_name(f"{name}.txt") for name in "abc"]
    for file in notes:
        file.write_text("x" * 40_000, "utf-8")
    words = ("extract", adapter, *notes, "--format", "jsonl", "--out", out)

    class StoppedError(BaseException):
        """As if the process were killed."""

    def stop(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as context:
        context.setattr("fedmedlora.cli.progress.Progress.tell", stop)
        with pytest.raises(StoppedError):
            shell(*words)
    begun = shell(*words)
    other = shell("extract", adapter, notes[0], "--format", "jsonl", "--out", out, "--resume")
    resumed = shell(*words, "--resume")

    assert (begun.code, other.code, resumed.code) == (2, 2, 0)
    assert f"{out}.part, which was begun, expected" in begun.err
    assert "another adapter, format or place of notes, expected" in other.err
    lines = out.read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(file) for file in notes]
    assert [len(one) for one in found] == [1, 1, 1]


def test_what_a_folder_of_files_or_going_on_needs_is_asked_for(
    found: list[dict[str, str]], adapter: str, note: str, shell: Shell
) -> None:
    said = shell("extract", adapter, note, "--resume")

    assert said.code == 2
    assert said.err == ("--out: found nothing, expected where to write; --resume goes on there\n")
    assert found == []
