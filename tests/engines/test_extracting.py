import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest

from fedmedlora.clinical.notes import Entity, Note
from fedmedlora.engines.extracting import Read, extract
from fedmedlora.errors import Fault, InputError
from fedmedlora.formats import note_output
from fedmedlora.formats.exchange import jsonl
from fedmedlora.formats.json_document import indented_json, one_line_json
from fedmedlora.formats.note_format import Files, NoteFormat
from fedmedlora.formats.note_output import FileOutput, StreamOutput
from fedmedlora.formats.texts import Text

TODAY = date(2026, 1, 31)
BROKEN = Fault("broken", "bytes that are no UTF-8", "a note as UTF-8 text")
# 20,000 characters each: two fill a batch.
TEXTS: list[Text | Fault] = [
    *(Text(f"n{number}", f"{number}".zfill(5) * 4000) for number in range(4)),
    BROKEN,
    *(Text(f"n{number}", f"{number}".zfill(5) * 4000) for number in range(4, 9)),
]


def read(texts: Sequence[Text]) -> list[Note]:
    drug = (Entity("T1", "drug", 0, 5),)
    return [Note(text.name, "notes", text.text, drug, (), lost={"repeated": 1}) for text in texts]


def two_files(note: Note) -> Files:
    return {f"{note.id}.txt": note.text.encode(), f"{note.id}.ann": b"T1", "all": b"."}


FORMS = {
    "jsonl": jsonl.FORMAT,
    "json": indented_json("plus"),
    "one line": one_line_json("plus"),
    "folder": NoteFormat(two_files, head={"all": b"<"}, tail={"all": b">", "end": b"."}),
}


def output(path: Path, form: str, *, asked: str = "the same") -> FileOutput:
    return FileOutput(path, is_folder=form == "folder", asked=asked, today=TODAY)


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


class KilledError(BaseException):
    pass


def killed_at(number: int) -> Callable[[int], None]:
    """Return a flush that is the last thing a process does, when it is called so many times."""
    calls = iter(range(1, 1000))
    flush = os.fsync

    def fsync(descriptor: int) -> None:
        if next(calls) == number:
            raise KilledError
        flush(descriptor)

    return fsync


@pytest.mark.parametrize("form", FORMS)
def test_killed_at_any_moment_and_gone_on_with_an_output_is_the_same(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = tmp_path / "undisturbed"
    steps = list(extract(TEXTS, read, FORMS[form], output(undisturbed, form)))
    expected = contents(undisturbed)
    assert steps[-1].mark.num_notes == 10

    num_kills = 0
    for moment in range(1, 1000):
        path = tmp_path / f"killed{moment}"
        with monkeypatch.context() as context:
            context.setattr("os.fsync", killed_at(moment))
            try:
                list(extract(TEXTS, read, FORMS[form], output(path, form)))
            except KilledError:
                num_kills += 1
            else:
                break
        if not note_output.is_whole(path):
            list(extract(TEXTS, read, FORMS[form], output(path, form)))
        assert contents(path) == expected, moment
        assert {file.name for file in tmp_path.glob(f"killed{moment}*")} == {path.name}

    # 5 batches and the tail: before and behind each the journal with its folder, between them the
    # files with theirs.
    assert num_kills > 6 * 4


def test_a_batch_is_lost_at_most(tmp_path: Path) -> None:
    taken = []

    def noted(texts: Sequence[Text]) -> list[Note]:
        taken.append([text.name for text in texts])
        if len(taken) == 3:
            raise KilledError
        return read(texts)

    path = tmp_path / "out"
    with pytest.raises(KilledError):
        list(extract(TEXTS, noted, jsonl.FORMAT, output(path, "jsonl")))
    list(extract(TEXTS, noted, jsonl.FORMAT, output(path, "jsonl")))

    assert taken == [
        ["n0", "n1"],
        ["n2", "n3"],
        ["n4", "n5"],
        ["n4", "n5"],
        ["n6", "n7"],
        ["n8"],
    ]


def begun(path: Path) -> None:
    texts = iter(TEXTS)

    def some() -> Iterator[Text | Fault]:
        yield from (next(texts) for _ in range(3))
        raise KilledError

    with pytest.raises(KilledError):
        list(extract(some(), read, jsonl.FORMAT, output(path, "jsonl")))


def test_other_notes_are_no_way_to_go_on(tmp_path: Path) -> None:
    begun(tmp_path / "out")
    others: list[Text | Fault] = [TEXTS[0], Text("n1", "another text"), *TEXTS[2:]]

    with pytest.raises(InputError, match="--resume: found other notes than the 2 that were read"):
        list(extract(others, read, jsonl.FORMAT, output(tmp_path / "out", "jsonl")))


def test_another_adapter_is_no_way_to_go_on(tmp_path: Path) -> None:
    begun(tmp_path / "out")

    with pytest.raises(InputError, match="another adapter, format or place of notes"):
        output(tmp_path / "out", "jsonl", asked="another")


def test_who_goes_on_keeps_the_day_on_which_it_began(tmp_path: Path) -> None:
    begun(tmp_path / "out")

    path = tmp_path / "out"
    later = FileOutput(path, is_folder=False, asked="the same", today=date(2026, 2, 1))

    assert later.began_on == TODAY


def extracted(
    texts: Sequence[Text | Fault], form: NoteFormat, model: Read = read
) -> tuple[str, list[Fault], StreamOutput]:
    stream = io.BytesIO()
    to = StreamOutput(stream)
    steps = list(extract(texts, model, form, to))
    return stream.getvalue().decode(), [fault for step in steps for fault in step.faults], to


def test_json_is_the_same_whole_as_note_by_note() -> None:
    told, _, _ = extracted([TEXTS[0], BROKEN, TEXTS[1]], indented_json('p"lus'))

    whole = json.loads(told)
    assert [note["id"] for note in whole["notes"]] == ["n0", "broken", "n1"]
    assert told == json.dumps(whole, indent=1) + "\n"
    assert whole["notes"][1] == {
        "id": "broken",
        "found": "bytes that are no UTF-8",
        "expected": "a note as UTF-8 text",
    }


def test_a_note_that_fails_in_the_model_stops_no_other_and_its_words_are_not_told() -> None:
    def fails(texts: Sequence[Text]) -> list[Note]:
        if any(text.name == "n1" for text in texts):
            raise ValueError(texts[0].text)
        return read(texts)

    told, faults, to = extracted(TEXTS, jsonl.FORMAT, fails)

    assert [json.loads(line)["id"] for line in told.splitlines()] == [
        *("n0", "n1", "n2", "n3", "broken", "n4", "n5", "n6", "n7", "n8"),
    ]
    assert faults == [Fault("n1", "ValueError in the model", "a note that it can read"), BROKEN]
    assert (to.mark.num_notes, to.mark.num_unread, to.mark.lost) == (10, 2, {"repeated": 8})


def test_where_a_format_cannot_say_so_a_fault_is_told_alone() -> None:
    told, faults, to = extracted(
        [BROKEN, TEXTS[0], TEXTS[1]],
        NoteFormat(lambda note: {"all": note.id.encode()}, between={"all": b", "}),
    )

    assert (told, faults) == ("n0, n1", [BROKEN])
    assert (to.mark.num_written, to.mark.num_unread) == (2, 1)


def test_what_a_format_cannot_hold_is_a_fault_of_that_note(tmp_path: Path) -> None:
    def render(note: Note) -> Files:
        if note.id == "n1":
            raise UnicodeError(note.text)
        return {f"{note.id}.txt": b"x"}

    texts = [Text(name, "pain") for name in ("n0", "n1", "../n2", "n3", "n3", "/n4")]
    to = FileOutput(tmp_path / "out", is_folder=True, asked="", today=TODAY)
    (step,) = extract(texts, read, NoteFormat(render), to)

    assert [(fault.where, fault.found) for fault in step.faults] == [
        ("n1", "UnicodeError when it was to be written"),
        ("../n2", "a name that leads out of the folder"),
        ("n3", "the name of another note"),
        ("/n4", "a name that leads out of the folder"),
    ]
    assert contents(tmp_path / "out") == {"n0.txt": b"x", "n3.txt": b"x"}


def test_no_notes_are_an_output_too(tmp_path: Path) -> None:
    list(extract([], read, one_line_json("plus"), output(tmp_path / "out", "json")))

    assert json.loads((tmp_path / "out").read_text("utf-8")) == {"origin": "plus", "notes": []}
