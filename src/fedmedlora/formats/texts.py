"""The texts of notes that nobody annotated, one by one: from files, folders, stdin and tables.

A text that cannot be read is a fault in its place, `where` being the note's name, and the next one
follows: of a million notes a few are always broken.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fedmedlora.errors import Fault, InputError
from fedmedlora.formats import tables

STDIN = Path("-")
_SUFFIX = ".txt"


@dataclass(frozen=True, slots=True)
class Text:
    """A note as it was written, and the name it goes by."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Texts:
    """Where notes are.

    Attributes:
        places: Files, folders of *.txt and tables (`tables.SUFFIXES`); `-` is stdin.
        column: The column of a table that holds the notes.
        id_column: The column that holds their names; None numbers the rows.
        stdin: What `-` reads.
    """

    places: Sequence[Path]
    stdin: BinaryIO
    column: str | None = None
    id_column: str | None = None

    def require(self) -> None:
        """Check what can be told before a note is read.

        Raises:
            InputError: A place is not there, a folder has no note, a table has no such column.
        """
        if faults := [fault for place in self.places for fault in self._faults(place)]:
            raise InputError(faults)

    def count(self) -> int:
        """Return how many notes there are, read or not."""
        return sum(self._count(place) for place in self.places)

    def __iter__(self) -> Iterator[Text | Fault]:
        """Yield the notes: place by place, a folder's by name, a table's row by row."""
        for place in self.places:
            yield from self._texts(place)

    def _faults(self, place: Path) -> Iterable[Fault]:
        if place == STDIN:
            return []
        if not place.exists():
            advice = "a run or an adapter is a folder and comes first"
            return [Fault(str(place), "nothing", "a note, a folder of notes or a table", advice)]
        if place.is_dir():
            found = next(_files(place), None)
            return [] if found else [Fault(str(place), f"no *{_SUFFIX} in it", "a folder of notes")]
        if not tables.is_table(place):
            return []
        return tables.column_faults(place, self.column, self.id_column)

    def _count(self, place: Path) -> int:
        if place.is_dir():
            return sum(1 for _ in _files(place))
        if place != STDIN and tables.is_table(place):
            return tables.num_rows(place)
        return 1

    def _texts(self, place: Path) -> Iterator[Text | Fault]:
        if place == STDIN:
            yield _decoded(str(place), self.stdin.read())
        elif place.is_dir():
            yield from map(_read, _files(place))
        elif self.column is not None and tables.is_table(place):
            for name, text in tables.rows(place, self.column, self.id_column):
                yield _checked(name, text)
        else:
            yield _read(place)


def _files(folder: Path) -> Iterator[Path]:
    """Yield a folder's notes and those of the folders in it, in the order of their names."""
    with os.scandir(folder) as found:
        names = sorted((entry.name, entry.is_dir()) for entry in found)
    for name, is_folder in names:
        if is_folder:
            yield from _files(folder / name)
        elif name.endswith(_SUFFIX):
            yield folder / name


def _read(file: Path) -> Text | Fault:
    try:
        return _decoded(str(file), file.read_bytes())
    except OSError as error:
        return Fault(str(file), str(error.strerror), "a note as UTF-8 text")


def _decoded(name: str, content: bytes) -> Text | Fault:
    return _checked(name, content.decode("utf-8", errors="surrogateescape"))


def _checked(given: str, text: str | None) -> Text | Fault:
    """Return a text under its name, or what is wrong with it."""
    # A file's name, too, may be no UTF-8, and has to stand in what is written.
    name = given.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
    expected = "a note as UTF-8 text"
    if text is None or not text.strip():
        return Fault(name, "no text" if not text else "only white space", expected)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        advice = "convert it, as with iconv -f latin1 -t utf-8"
        return Fault(name, "bytes that are no UTF-8", expected, advice)
    return Text(name, text)
