"""No input makes a reader crash or hang: it answers with notes and faults."""

import json
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.exchange.invented import BARE, HARD, PLAIN, write

from fedmedlora.clinical.notes import Note
from fedmedlora.errors import Fault
from fedmedlora.formats.note_format import LeftOut, NoteFormat, note_formats
from fedmedlora.formats.note_records import record_of

FORMATS = {name: format_ for name, format_ in note_formats().items() if format_.read}
CASES = (*FORMATS, "bioc in json", "hf in parquet", "hf in arrow")
each_case = pytest.mark.parametrize("case", CASES)

NUM_INPUTS = 10_000
COLLECTION = {
    "documents": [
        {
            "id": "n1",
            "infons": {"patient": "17"},
            "passages": [
                {
                    "offset": 0,
                    "text": "Mild päin.",
                    "annotations": [
                        {
                            "id": id_,
                            "infons": {"type": type_, "confidence": "0.5"},
                            "text": text,
                            "locations": [{"offset": offset, "length": 4}],
                        }
                        for id_, type_, text, offset in (
                            ("T1", "severity", "Mild", 0),
                            ("T2", "problem", "päin", 5),
                        )
                    ],
                    "relations": [
                        {
                            "infons": {"type": "severity"},
                            "nodes": [{"refid": "T2", "role": "head"}, {"refid": "T1"}],
                        }
                    ],
                }
            ],
        }
    ]
}
UNSAID = "throat"
"""A word of a note that no message may hold."""
LONGEST_S = 5.0
"""For a few thousand bytes, on a machine that has other work; a reader takes milliseconds."""


def format_of(case: str) -> NoteFormat:
    return FORMATS[case.partition(" ")[0]]


def right_files(folder: Path, case: str) -> dict[str, bytes]:
    name, _, other = case.partition(" in ")
    folder.mkdir(exist_ok=True)
    if other == "json":
        (folder / "notes.json").write_text(json.dumps(COLLECTION), encoding="utf-8")
    elif other:
        write_table(folder / f"notes.{other}")
    else:
        write(folder, FORMATS[name], (HARD, PLAIN, BARE))
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def write_table(file: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [FORMATS["hf"].render(note)["notes.jsonl"] for note in (HARD, PLAIN, BARE)]
    table = pa.Table.from_pylist([*map(json.loads, rows)])
    if file.suffix == ".parquet":
        parquet.write_table(table, file)
    else:
        with pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)


def outcome(folder: Path, format_: NoteFormat, files: dict[str, bytes]) -> list[object]:
    """Return what a reader answers to some files, held against what it may answer."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    begin = time.monotonic()
    assert format_.read is not None
    found = [*format_.read(folder)]
    assert time.monotonic() - begin < LONGEST_S
    assert all(isinstance(one, Note | Fault | LeftOut) for one in found)
    assert UNSAID not in "".join(str(one) for one in found if not isinstance(one, Note))
    for note in (one for one in found if isinstance(one, Note)):
        assert_right(note)
    return [*found]


def assert_right(note: Note) -> None:
    """Hold a note that was read against what every note is; types may be any."""
    record_of(note)
    f"{note.text}{note.id}{note.patient}".encode()
    ids = [entity.id for entity in note.entities]
    assert note.id
    assert note.text.strip()
    assert len({*ids}) == len(ids)
    assert all(r.head in ids and r.tail in ids for r in note.relations)
    for entity in note.entities:
        parts = entity.fragments or ((entity.start, entity.end),)
        places = [place for part in parts for place in part]
        assert (places[0], places[-1]) == (entity.start, entity.end)
        assert places == sorted({*places})
        assert 0 <= entity.start < entity.end <= len(note.text)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few places overwritten, left out, doubled or put elsewhere."""
    for _ in range(rng.randint(1, 4)):
        at, width = rng.randrange(len(content) + 1), rng.choice((1, 2, 8, 60))
        piece = content[at : at + width]
        new = rng.choice(
            (
                rng.randbytes(width),
                b"",
                piece * 2,
                piece * 300,
                rng.choice((b"9" * 30, b"-1", b"\t", b"\n", b"\r", b'"', b"|", b"<", b"&", b"{}")),
                content[rng.randrange(len(content) + 1) :][:width],
            )
        )
        content = content[:at] + new + content[at + width :]
    return content


def broken(files: dict[str, bytes], rng: random.Random) -> Iterator[dict[str, bytes]]:
    """Yield right files with something wrong with them, without end."""
    names = [*files]
    while True:
        changed = dict(files)
        for name in rng.sample(names, rng.randint(1, min(2, len(names)))):
            kind = rng.random()
            if kind < 0.05:
                del changed[name]
            elif kind < 0.15:
                changed[name] = rng.randbytes(rng.choice((0, 1, 40, 4000)))
            elif kind < 0.2:
                changed[name] = files[rng.choice(names)]
            else:
                changed[name] = mutated(files[name], rng)
        yield changed


@each_case
@given(data=st.data())
def test_random_bytes_are_faults_or_notes(
    tmp_path_factory: pytest.TempPathFactory, case: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("random")
    names = [*right_files(folder, case)]
    content = st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode)
    outcome(
        folder, format_of(case), data.draw(st.fixed_dictionaries(dict.fromkeys(names, content)))
    )


@each_case
def test_right_files_with_something_wrong_are_faults_or_notes(tmp_path: Path, case: str) -> None:
    files = right_files(tmp_path / "right", case)
    inputs = broken(files, random.Random(0))  # noqa: S311 -- not for secrets

    found = [outcome(tmp_path / "in", format_of(case), next(inputs)) for _ in range(60)]

    # Were nothing ever refused, or everything, little would be tried.
    kinds = [isinstance(one, Fault) for answer in found for one in answer]
    assert any(kinds)
    assert not all(kinds)


@pytest.mark.slow
@each_case
def test_ten_thousand_inputs_are_faults_or_notes(tmp_path: Path, case: str) -> None:
    files = right_files(tmp_path / "right", case)
    inputs = broken(files, random.Random(1))  # noqa: S311 -- not for secrets

    for _ in range(NUM_INPUTS // len(CASES) + 1):
        outcome(tmp_path / "in", format_of(case), next(inputs))
