"""A folder that `datasets.load_dataset` loads: JSON lines a split, and a README that says so.

Holds all that extraction needs. Read are JSON lines, Parquet, and Arrow as `save_to_disk` writes
it; the two tables need pyarrow (extra `tables`), writing needs nothing.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.errors import Fault
from fedmedlora.formats.exchange import jsonl
from fedmedlora.formats.foreign_records import note_of_record
from fedmedlora.formats.note_format import Files, NoteFormat, Reading
from fedmedlora.formats.note_records import record_of
from fedmedlora.formats.source_files import files_under

_FILE = "notes.jsonl"
_SPLITS = {"dev": "validation"}
_README = """---
configs:
- config_name: default
  data_files:
{files}dataset_info:
  features:
  - name: id
    dtype: string
  - name: site
    dtype: string
  - name: patient
    dtype: string
  - name: text
    dtype: string
  - name: entities
    list:
    - name: id
      dtype: string
    - name: type
      dtype: string
    - name: start
      dtype: int64
    - name: end
      dtype: int64
    - name: text
      dtype: string
    - name: fragments
      list:
        list: int64
    - name: confidence
      dtype: float64
  - name: relations
    list:
    - name: type
      dtype: string
    - name: head
      dtype: string
    - name: tail
      dtype: string
---

# Annotated notes

Written by Fed-MedLoRA. `start` and `end` are characters of `text`, the end exclusive; `fragments`
are the parts of a span with gaps; `head` and `tail` of a relation are ids of entities. Annotated
are the entities {entities} and the relations {relations}: another type is unknown here, not absent.
"""


def _render(note: Note) -> Files:
    # A table has each column in each row, also where nothing stands in it.
    entities = [
        {
            "id": e.id,
            "type": e.type,
            "start": e.start,
            "end": e.end,
            "text": note.text[e.start : e.end],
            "fragments": [*map(list, e.fragments)],
            "confidence": e.confidence,
        }
        for e in note.entities
    ]
    annotated = record_of(replace(note, fields={}))
    record = {"patient": None, **annotated, "entities": entities}
    line = json.dumps(record, ensure_ascii=False)
    return {_FILE: f"{line}\n".encode()}


def _readme(labels: Labels, splits: Sequence[str]) -> Files:
    files = "".join(
        f"  - split: {_SPLITS.get(split, split)}\n    path: {split}/{_FILE}\n" for split in splits
    )
    entities = ", ".join(labels.entities)
    relations = ", ".join(labels.relations) or "none"
    text = _README.format(files=files, entities=entities, relations=relations)
    return {"README.md": text.encode()}


def _read(source: Path) -> Reading:
    for file in files_under(source, ".jsonl", ".parquet", ".arrow"):
        if file.suffix.lower() == ".jsonl":
            yield from jsonl.read(file)
        else:
            yield from _table(file)


def _table(file: Path) -> Reading:
    import pyarrow as pa  # noqa: PLC0415 -- an extra that only tables need

    number = 0
    try:
        for batch in _batches(file):
            # Unchecked, offsets that lie in a file make pyarrow read outside its memory.
            batch.validate(full=True)
            for record in batch.to_pylist():
                number += 1
                yield from note_of_record(record, f"{file}: row {number}")
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        # The message of a broken column may quote what is in it.
        found = "a table that cannot be read"
        yield Fault(f"{file}: row {number + 1}", found, "Parquet, or Arrow as a stream")


def _batches(file: Path) -> Iterator[Any]:
    if file.suffix.lower() == ".parquet":
        from pyarrow import parquet  # noqa: PLC0415 -- as above

        with parquet.ParquetFile(file) as table:
            yield from table.iter_batches(batch_size=64)
    else:
        from pyarrow import ipc  # noqa: PLC0415 -- as above

        with ipc.open_stream(file) as stream:
            yield from stream


FORMAT = NoteFormat(_render, _read, beside=_readme)
