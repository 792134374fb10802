"""Notes in which every word of weight was made up, and where such a word must never be found.

A word is Que with an accent, a stem that all share, and a tail of its own: so it shows in JSON with
and without escapes, in base64 and in hex, and whoever finds the stem can tell whose it is.
"""

import base64
import json
import logging
import re
import sqlite3
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation, SiteNotes
from fedmedlora.formats.site_folder import write_site

STEM = "zygmurtl"
LABELS = Labels(("problem", "drug"), ("causes",))
_NUMBERS = count()
_CONSONANTS = "bcdfghjklm"


def word() -> str:
    """Return a word that no other note, and nothing else, has."""
    tail = "".join(_CONSONANTS[int(digit)] for digit in f"{next(_NUMBERS):04d}")
    return f"Qu\u00e9{STEM}{tail}"


def note(name: str, site: str) -> Note:
    """Return a note of which every word is a sentinel but those between, its patient's too."""
    begin, pain, drug = word(), word(), word()
    text = f"{begin} severe {pain} . no {drug} {word()}"
    entities = tuple(
        Entity(id_, kind, text.index(said), text.index(said) + len(said))
        for id_, kind, said in (("T1", "problem", pain), ("T2", "drug", drug))
    )
    return Note(name, site, text, entities, (Relation("causes", "T2", "T1"),), word())


def write_sites(folder: Path, *names: str) -> None:
    """Write a folder of such notes for each site, none of which is public."""
    for number, name in enumerate(names, start=1):
        splits = {
            split: tuple(note(f"{split}{i}", name) for i in range(number))
            for split in ("train", "dev", "test")
        }
        write_site(folder / name, SiteNotes(name, LABELS, False, splits))


@dataclass
class Heard:
    """What was said while a test ran.

    Attributes:
        records: Of every logger.
        errors: Whatever was raised.
        messages: What went between the coordinator and the sites, files too.
        printed: What came out of stdout and stderr.
    """

    records: list[logging.LogRecord] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)


def places(folder: Path, heard: Heard, *, notes: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield every place in which no note's word may be, by name; a new one is one line more.

    Args:
        folder: Of everything that the test has written: runs, stores of sites, what was sent.
        notes: Where the notes themselves lie.
    """
    yield from _files(folder, notes)
    yield from _rows(folder)
    yield from ((f"log {one.name}", _logged(one).encode()) for one in heard.records)
    yield from ((f"raised {type(e).__name__}", _traced(e).encode()) for e in heard.errors)
    yield from ((f"sent {name}", content) for name, content in heard.messages)
    yield from (("printed", said.encode()) for said in heard.printed)


def found(places_: Iterator[tuple[str, bytes]]) -> list[str]:
    """Return in which places there is a sentinel, and in what form."""
    return [
        f"{name}: {form}"
        for name, content in places_
        for form, needle in FORMS
        if needle.search(content)
    ]


def _forms() -> Iterator[tuple[str, re.Pattern[bytes]]]:
    yield "text", re.compile(STEM.encode(), re.IGNORECASE)
    yield "escaped", re.compile(re.escape(json.dumps("\u00e9")[1:-1] + STEM).encode())
    yield "hex", re.compile(STEM.encode().hex().encode(), re.IGNORECASE)
    yield "utf-16", re.compile(re.escape(STEM.encode("utf-16-le")))
    for shift in range(3):
        # The signs at either end hold bits of the neighbours too.
        coded = base64.b64encode(b"\0" * shift + STEM.encode())
        first, last = -(-shift * 8 // 6), (shift + len(STEM)) * 8 // 6
        yield f"base64 at {shift}", re.compile(re.escape(coded[first:last]))


FORMS = list(_forms())


def _files(folder: Path, notes: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(one) for one in notes):
            yield str(path.relative_to(folder)), path.read_bytes()


def _rows(folder: Path) -> Iterator[tuple[str, bytes]]:
    # A value that is cut in two by a page is not found in the file's bytes.
    for path in sorted(folder.rglob("*.sqlite")):
        with closing(sqlite3.connect(path)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (table,) in names.fetchall():
                for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 -- ours
                    for value in row:
                        content = value if isinstance(value, bytes) else str(value).encode()
                        yield f"{path.name}, {table}", content


def _logged(record: logging.LogRecord) -> str:
    said = f"{record.getMessage()} {record.args!r} {record.exc_text}"
    return said + (_traced(record.exc_info[1]) if record.exc_info and record.exc_info[1] else "")


def _traced(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)
