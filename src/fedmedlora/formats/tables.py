"""A column of a table, row by row: CSV, and Parquet with the extra `tables`."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fedmedlora.errors import Fault, InputError

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

SUFFIXES = (".csv", ".parquet")
_NUM_ROWS = 64
"""Rows of a Parquet file in memory at a time, beside what its writer packed together."""


def is_table(file: Path) -> bool:
    """Return whether a file is a table, by its name."""
    return file.suffix.lower() in SUFFIXES


def column_faults(file: Path, column: str | None, id_column: str | None) -> list[Fault]:
    """Return what is wrong with a table, or with the columns that are asked of it."""
    try:
        columns = _parquet(file).schema_arrow.names if _is_parquet(file) else _header(file)
    except InputError as error:
        return list(error.faults)
    there = f"one of {', '.join(map(repr, columns))}"
    asked = (("--column", column), ("--id-column", id_column))
    faults = [
        Fault(f"{file}: {option}", f"{name!r}", there)
        for option, name in asked
        if name is not None and name not in columns
    ]
    if column is None:
        faults.append(Fault(f"{file}: --column", "none", f"where the notes are, {there}"))
    return faults


def num_rows(file: Path) -> int:
    """Return how many rows a table has."""
    if _is_parquet(file):
        return int(_parquet(file).metadata.num_rows)
    return sum(1 for _ in _csv_rows(file)) - 1


def rows(file: Path, column: str, id_column: str | None) -> Iterator[tuple[str, str | None]]:
    """Yield the name and the text of each row, None where there is none.

    A row without a name of its own has that of the file and its number, counted from 1. What is not
    UTF-8 stands there as lone surrogates.
    """
    found = _parquet_rows if _is_parquet(file) else _csv_texts
    for number, (name, text) in enumerate(found(file, column, id_column), start=1):
        yield name or f"{file}:{number}", text


_Row = tuple[str | None, str | None]


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


def _parquet(file: Path) -> "ParquetFile":
    # Only who brings such a table needs its package.
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415

    try:
        return ParquetFile(file)
    except pa.ArrowInvalid as error:
        raise InputError([Fault(str(file), "another kind of file", "a Parquet table")]) from error


def _parquet_rows(file: Path, column: str, id_column: str | None) -> Iterator[_Row]:
    wanted = [column, id_column] if id_column else [column]
    with _parquet(file) as table:
        for batch in table.iter_batches(batch_size=_NUM_ROWS, columns=list(dict.fromkeys(wanted))):
            for row in batch.to_pylist():
                name, text = row[id_column] if id_column else None, row[column]
                yield None if name is None else str(name), None if text is None else str(text)


def _csv_texts(file: Path, column: str, id_column: str | None) -> Iterator[_Row]:
    found = _csv_rows(file)
    header = next(found)
    text_at = header.index(column)
    name_at = header.index(id_column) if id_column else len(header)
    for row in found:
        yield _at(row, name_at), _at(row, text_at)


def _at(row: list[str], place: int) -> str | None:
    return row[place] if place < len(row) else None


def _header(file: Path) -> list[str]:
    return next(_csv_rows(file), [])


def _csv_rows(file: Path) -> Iterator[list[str]]:
    # A note is longer than what the standard library takes for a cell.
    csv.field_size_limit(sys.maxsize)
    # Line breaks within a note are the note's own.
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        yield from (row for row in csv.reader(lines) if row)
