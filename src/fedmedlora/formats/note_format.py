"""What a format of annotated notes is: notes to bytes of files, one at a time, and files to notes.

Nothing here writes: whoever does appends what a note renders to and can stop and go on after any
note, and a million notes need no more memory than one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.errors import Fault
from fedmedlora.formats import exchange
from fedmedlora.registry import members, names

Files = Mapping[str, bytes]
"""What comes to the end of each file, by the file's path under the folder that is written."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which model marked some notes, and when: what a format may have a place for.

    Attributes:
        origin: Which adapter it is, in words.
        version: Of this program.
        began_on: A day, not a moment: whoever goes on must write what would have been written.
    """

    origin: str
    version: str
    began_on: date


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in a source that a note has no place for; no fault, but counted and told.

    Attributes:
        what: What it is, in the plural and without a word of a note, as `attributes`.
    """

    what: str


Reading = Iterator[Note | Fault | LeftOut]
"""What a source holds, one note at a time, in the same order each time."""


def nothing_beside(labels: Labels, splits: Sequence[str]) -> Files:  # noqa: ARG001 -- it is of a kind
    """Return no files: what most formats keep beside the splits."""
    return {}


@dataclass(frozen=True, slots=True)
class NoteFormat:
    """A way to keep notes with annotations.

    Attributes:
        render: From a note to what it adds to the files.
        read: From a folder or a file to its notes, and in the place of what cannot be read, what is
            wrong with it, without a word of a note; types are those of the source, and a site that
            it does not name is "". None where a format says less than a note does, and is only
            written.
        head: What a file of many notes begins with.
        between: What stands between two notes.
        tail: What it ends with.
        unread: From what is wrong with a note that could not be read, `where` being its name, to
            what stands in its place. None where a format has no way to say so.
        read_by: From which model marks the notes to this format saying so. None where a format has
            no place for that.
        types: The type of ours that each type of the source stands for, where it is another word.
        lacks: What of notes is not in the files: `patients`, `confidences`, `fields`.
        beside: The files that stand beside the splits of a whole site, from what it annotates and
            the splits that there are.
    """

    render: Callable[[Note], Files]
    read: Callable[[Path], Reading] | None = None
    head: Files = field(default_factory=dict)
    between: Files = field(default_factory=dict)
    tail: Files = field(default_factory=dict)
    unread: Callable[[Fault], Files] | None = None
    read_by: "Callable[[Provenance], NoteFormat] | None" = None
    types: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ("fields",)
    beside: Callable[[Labels, Sequence[str]], Files] = nothing_beside


def note_formats() -> Mapping[str, NoteFormat]:
    """Return every format by the name of its file."""
    return members(exchange, "FORMAT")


def names_of_formats() -> list[str]:
    """Return what the formats are called, without reading a line of them."""
    return names(exchange)


def shared_files(form: NoteFormat) -> frozenset[str]:
    """Return the files to which every note adds; each other one is of one note."""
    first, second = (form.render(note).keys() for note in _SAMPLES)
    return frozenset((first & second) | form.head.keys() | form.tail.keys())


def is_one_file(form: NoteFormat) -> bool:
    """Return whether all notes come into one file, whatever it is called."""
    return len(shared_files(form).union(*map(form.render, _SAMPLES))) == 1


_SAMPLES = (Note("1", "sample", "pain", (), ()), Note("2", "sample", "pain", (), ()))
