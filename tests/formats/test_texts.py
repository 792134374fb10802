import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.texts import STDIN, Text, Texts


def texts(*places: Path, column: str | None = None, id_column: str | None = None) -> Texts:
    return Texts(places, io.BytesIO("Fièvre\r\n".encode()), column, id_column)


def write(file: Path, content: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def names(found: Texts) -> list[str]:
    return [one.name if isinstance(one, Text) else f"! {one.where}" for one in found]


def test_a_folder_s_notes_come_by_name_with_those_of_folders_in_it(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/c/y.txt", "c.txt", "a.txt", "note.md", "a/x.csv"):
        write(tmp_path / name, name)

    found = texts(tmp_path)

    found.require()
    assert names(found) == [
        str(tmp_path / name) for name in ("a/c/y.txt", "a/z.txt", "a.txt", "b.txt", "c.txt")
    ]
    assert found.count() == 5


def test_a_text_is_as_it_was_written(tmp_path: Path) -> None:
    file = write(tmp_path / "note", "\ufeffFièvre\r\n\n")

    assert list(texts(file, STDIN)) == [
        Text(str(file), "\ufeffFièvre\r\n\n"),
        Text("-", "Fièvre\r\n"),
    ]


def test_what_is_no_text_is_a_fault_in_its_place(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a", "Fièvre".encode("latin-1")),
        write(tmp_path / "b", "pain"),
        write(tmp_path / "c", " \n"),
        write(tmp_path / "d", ""),
        tmp_path / "gone",
    ]

    found = list(texts(*files))

    assert [one.found for one in found if isinstance(one, Fault)] == [
        "bytes that are no UTF-8",
        "only white space",
        "no text",
        "No such file or directory",
    ]
    assert found[1] == Text(str(files[1]), "pain")


def test_a_name_that_is_no_utf_8_can_be_written(tmp_path: Path) -> None:
    try:
        write(tmp_path / "\udce4.txt", "pain")
    except OSError:
        pytest.skip("this file system takes no such name")

    (found,) = texts(tmp_path)

    assert found == Text(f"{tmp_path}/\ufffd.txt", "pain")


CSV = 'id,text\r\n7,"no pain,\r\n ""no"" cough"\r\n,fever\r\n8,\r\n\r\n9\r\n10,"f\xe4r"\r\n'
ROWS = [("7", 'no pain,\r\n "no" cough'), (None, "fever"), ("8", None), ("9", None)]


def test_a_csv_s_column_is_read_row_by_row(tmp_path: Path) -> None:
    table = write(tmp_path / "notes.CSV", CSV.encode("latin-1"))

    found = texts(table, column="text", id_column="id")

    found.require()
    assert found.count() == 5
    assert list(found) == [
        Text("7", ROWS[0][1] or ""),
        Text(f"{table}:2", "fever"),
        Fault("8", "no text", "a note as UTF-8 text"),
        Fault("9", "no text", "a note as UTF-8 text"),
        Fault(
            "10",
            "bytes that are no UTF-8",
            "a note as UTF-8 text",
            "convert it, as with iconv -f latin1 -t utf-8",
        ),
    ]


def test_a_csv_may_begin_with_a_mark_and_hold_a_long_note(tmp_path: Path) -> None:
    long = "pain " * 50_000
    table = write(tmp_path / "notes.csv", f"\ufefftext\n{long}\n")

    assert list(texts(table, column="text")) == [Text(f"{table}:1", long)]


def test_a_parquet_column_is_read_row_by_row(tmp_path: Path) -> None:
    table = tmp_path / "notes.parquet"
    columns = {"id": [7, None, 8], "text": [ROWS[0][1], "fever", None]}
    pyarrow.parquet.write_table(pa.table(columns), table)

    found = texts(table, column="text", id_column="id")

    found.require()
    assert found.count() == 3
    assert list(found) == [
        Text("7", ROWS[0][1] or ""),
        Text(f"{table}:2", "fever"),
        Fault("8", "no text", "a note as UTF-8 text"),
    ]
    assert names(texts(table, column="text"))[0] == f"{table}:1"


def test_what_can_be_told_beforehand_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    table = write(tmp_path / "a.csv", "id,note\n1,pain\n")
    broken = write(tmp_path / "b.parquet", "no table")
    places = (tmp_path / "none", tmp_path / "empty", table, broken, STDIN)

    with pytest.raises(InputError) as raised:
        texts(*places, column="text", id_column="name").require()

    told = str(raised.value).splitlines()
    assert told[0].startswith(f"{tmp_path}/none: found nothing, expected a note, a folder of notes")
    assert told[1].startswith(f"{tmp_path}/empty: found no *.txt in it, expected a folder of notes")
    assert told[2:] == [
        f"{table}: --column: found 'text', expected one of 'id', 'note'",
        f"{table}: --id-column: found 'name', expected one of 'id', 'note'",
        f"{broken}: found another kind of file, expected a Parquet table",
    ]


def test_of_a_table_the_column_must_be_told(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", "id,note\n1,pain\n")

    with pytest.raises(InputError, match="--column: found none, expected where the notes are, one"):
        texts(table).require()
