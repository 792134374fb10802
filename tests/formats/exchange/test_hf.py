"""A folder of datasets: JSON lines, Parquet, and Arrow as `save_to_disk` leaves it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.formats.exchange.invented import BARE, HARD, PLAIN, read, write

from fedmedlora.clinical.notes import Labels
from fedmedlora.formats.exchange.hf import FORMAT

LABELS = Labels(("problem", "drug"), ("treats",))
ROWS = [HARD, PLAIN, BARE]


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = write(folder, FORMAT, ROWS).joinpath("notes.jsonl").read_bytes().split(b"\n")
    return [json.loads(line) for line in lines if line]


def test_every_row_has_every_column(tmp_path: Path) -> None:
    written = rows(tmp_path)

    assert {tuple(row) for row in written} == {
        ("patient", "id", "site", "text", "entities", "relations")
    }
    assert len({tuple(entity) for row in written for entity in row["entities"]}) == 1


def test_the_readme_names_the_file_of_each_split() -> None:
    readme = FORMAT.beside(LABELS, ("train", "dev"))["README.md"].decode()

    assert re.findall(r"split: (\w+)\n    path: (\S+)", readme) == [
        ("train", "train/notes.jsonl"),
        ("validation", "dev/notes.jsonl"),
    ]


def test_parquet_is_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.Table.from_pylist(rows(tmp_path / "json"))
    parquet.write_table(table, tmp_path / "train-00000-of-00001.parquet")

    found, faults, _ = read(FORMAT, tmp_path / "train-00000-of-00001.parquet")

    assert (found, faults) == (ROWS, [])


def test_arrow_is_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pylist(rows(tmp_path / "json"))
    with pa.ipc.new_stream(tmp_path / "data-00000-of-00001.arrow", table.schema) as stream:
        stream.write_table(table)

    found, faults, _ = read(FORMAT, tmp_path / "data-00000-of-00001.arrow")

    assert (found, faults) == (ROWS, [])


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_broken_table_is_told(tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(b"PAR1 Lupus")

    _, (fault,), _ = read(FORMAT, tmp_path)

    assert fault.startswith(f"{tmp_path / name}: row 1: found a table that cannot be read")
    assert "Lupus" not in fault


def test_a_row_that_is_no_note_is_told_with_its_number(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    records = [{"id": "n1", "text": "No pain."}, {"id": "n2", "text": None}]
    parquet.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")

    found, faults, _ = read(FORMAT, tmp_path)

    assert [note.id for note in found] == ["n1"]
    expected = "row 2: text: found no such key, expected a text"
    assert faults == [f"{tmp_path / 'a.parquet'}: {expected}"]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("end", 99, "entities[0]: found offsets 3 to 99, expected a span of the note's text"),
        ("start", "3", "entities[0].start: found a text, expected a whole number"),
        ("id", None, "entities[0].id: found no such key, expected a text"),
        ("text", "gain", "entities[0]: found a text of 4 characters that does not stand at its"),
        ("fragments", [[3]], "entities[0].fragments: found a list of something else, expected"),
        ("fragments", [[3, 4], [5, 6]], "entities[0].fragments: found parts of another span"),
        ("fragments", {}, "entities[0].fragments: found an object, expected a list"),
        ("confidence", 2, "entities[0].confidence: found something else, expected a number"),
        ("confidence", "x", "entities[0].confidence: found something else, expected a number"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_by_its_key(
    tmp_path: Path, key: str, value: object, told: str
) -> None:
    entity = {"id": "T1", "type": "Disease", "start": 3, "end": 7, "text": "pain"} | {key: value}
    line = json.dumps({"id": "n1", "text": "No pain.", "entities": [entity]})
    (tmp_path / "notes.jsonl").write_text(f"\n{line}\n", encoding="utf-8")

    _, (fault,), _ = read(FORMAT, tmp_path)

    assert fault.startswith(f"{tmp_path / 'notes.jsonl'}:2: {told}")


def test_the_library_itself_loads_it(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for split in ("train", "dev"):
        write(tmp_path / split, FORMAT, ROWS)
    (tmp_path / "README.md").write_bytes(FORMAT.beside(LABELS, ("train", "dev"))["README.md"])

    loaded = datasets.load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))

    assert {split: len(loaded[split]) for split in loaded} == {"train": 3, "validation": 3}
    assert loaded["train"][0]["entities"][3]["fragments"] == [[31, 38], [47, 50]]
    loaded.save_to_disk(str(tmp_path / "saved"))
    assert read(FORMAT, tmp_path / "saved" / "validation")[0] == ROWS
