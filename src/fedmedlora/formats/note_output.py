"""Where notes are written to as they come, so that a kill at any moment loses and doubles nothing.

    PATH.part           what is written; PATH once it is whole
    PATH.part.journal   up to which note; how long each file was before what is being written

The journal reaches the disk before anything of the next notes does. Who goes on cuts the files
that it names back to the lengths that it names.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from fedmedlora.durable_files import flush_folder, write_whole
from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.note_format import Files


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an output is.

    Attributes:
        num_notes: Notes that were taken from where they are, in order.
        num_unread: Of these, those that could not be read.
        num_written: Notes, or words in their place, that stand in the output.
        digest: sha256 over the names and texts of the notes taken.
        lost: How many entities were announced that stand nowhere, by reason.
    """

    num_notes: int = 0
    num_unread: int = 0
    num_written: int = 0
    digest: str = ""
    lost: Mapping[str, int] = field(default_factory=dict)


class Output(Protocol):
    """Where notes go."""

    @property
    def mark(self) -> Mark:
        """Return how far it is."""
        ...

    def has(self, name: str) -> bool:
        """Return whether something stands in a file."""
        ...

    def append(self, files: Files, mark: Mark) -> None:
        """Add to the ends of files; with them the output is as far as the mark says."""
        ...

    def finish(self, files: Files) -> None:
        """Add the last of the files; nothing comes after it."""
        ...


class StreamOutput:
    """A stream that somebody reads; it cannot be gone on with."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.mark = Mark()

    def has(self, name: str) -> bool:  # noqa: ARG002 -- the shape of an output
        """Return whether something was written."""
        return self.mark.num_written > 0

    def append(self, files: Files, mark: Mark) -> None:
        """Write the files one after another."""
        self._stream.write(b"".join(files.values()))
        self._stream.flush()
        self.mark = mark

    def finish(self, files: Files) -> None:
        """Write the last."""
        self.append(files, self.mark)


class FileOutput:
    """A file, or a folder of files, that is there once it is whole.

    Args:
        path: Where it will be.
        is_folder: Whether the names of files count; otherwise all is one file.
        asked: sha256 of what is asked for, which who goes on must ask for again.
        today: When it begins, if it does now.

    Raises:
        InputError: Something else is begun there.
    """

    def __init__(self, path: Path, *, is_folder: bool, asked: str, today: date) -> None:
        self._path, self._is_folder, self._asked = path, is_folder, asked
        self._part = _part_of(path)
        self._journal = _journal_of(path)
        self.mark = Mark()
        self.began_on = today
        if self._journal.exists():
            self._go_on()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._note({})

    def has(self, name: str) -> bool:
        """Return whether something stands in a file."""
        return self._place(name).exists()

    def append(self, files: Files, mark: Mark) -> None:
        """Add to the ends of files, and return when it has reached the disk.

        Raises:
            OSError: The disk is full; what was there before can be gone on with.
        """
        self._write(files)
        self.mark = mark
        self._note({})

    def finish(self, files: Files) -> None:
        """Add the last of the files and put all in its place."""
        # The journal still says how long they were without, until there is none.
        self._write(files)
        self._part.replace(self._path)
        flush_folder(self._path.parent)
        self._journal.unlink()

    def _write(self, files: Files) -> None:
        self._note({name: self._length(name) for name in files})
        places = {name: self._place(name) for name in files}
        folders = sorted({place.parent for place in places.values()})
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for name, place in places.items():
            with place.open("ab") as file:
                file.write(files[name])
                file.flush()
                os.fsync(file.fileno())
        for folder in folders:
            flush_folder(folder)

    def _go_on(self) -> None:
        kept = json.loads(self._journal.read_bytes())
        if kept["asked"] != self._asked:
            found = "an extraction with another adapter, format or place of notes"
            advice = "ask for the same again, or remove it and its journal"
            raise InputError([Fault(str(self._part), found, "the one to go on with", advice)])
        self.mark = Mark(**kept["mark"])
        self.began_on = date.fromisoformat(kept["began_on"])
        lengths: dict[str, int | None] = kept["lengths"]
        for name, length in lengths.items():
            place = self._place(name)
            if length is None:
                place.unlink(missing_ok=True)
            elif place.exists():
                os.truncate(place, length)

    def _note(self, lengths: Mapping[str, int | None]) -> None:
        journal: dict[str, Any] = {
            "asked": self._asked,
            "began_on": self.began_on.isoformat(),
            "mark": asdict(self.mark),
            "lengths": dict(lengths),
        }
        write_whole(self._journal, json.dumps(journal).encode())

    def _length(self, name: str) -> int | None:
        place = self._place(name)
        return place.stat().st_size if place.exists() else None

    def _place(self, name: str) -> Path:
        return self._part / name if self._is_folder else self._part


def is_whole(path: Path) -> bool:
    """Return whether an output is in its place; of its journal nothing is left then."""
    # Between the last two steps of `finish` there is a moment to be killed in.
    if path.exists() and not _part_of(path).exists():
        _journal_of(path).unlink(missing_ok=True)
    return path.exists()


def require_new(path: Path) -> None:
    """Check that nothing is in the way of an output.

    Raises:
        InputError: Something is.
    """
    if path.exists():
        found, advice = f"{path}, which is there", "remove it, or name another"
    elif _journal_of(path).exists():
        found, advice = f"{_part_of(path)}, which was begun", "--resume goes on with it"
    else:
        return
    raise InputError([Fault("--out", found, "a new file or folder", advice)])


def leads_out(name: str) -> bool:
    """Return whether a file would lie outside the folder that is written."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def _part_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _journal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.journal")
