"""What a format of annotated notes is: notes to bytes of files, one at a time, and files to notes.

Nothing here writes: whoever does appends what a note renders to and can stop and go on after any
note, and a million notes need no more memory than one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.errors import Fault
from fedmedlora.formats import exchange
from fedmedlora.registry import members

Files = Mapping[str, bytes]
"""What comes to the end of each file, by the file's path under the folder that is written."""


@dataclass(frozen=True, slots=True)
class Unread:
    """Something in a source that a note has no place for; no fault, but counted and told.

    Attributes:
        what: What it is, in the plural and without a word of a note, as `attributes`.
    """

    what: str


Reading = Iterator[Note | Fault | Unread]
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
        tail: What it ends with.
        types: The type of ours that each type of the source stands for, where it is another word.
        lacks: What of notes is not in the files: `patients`, `confidences`.
        beside: The files that stand beside the splits of a whole site, from what it annotates and
            the splits that there are.
    """

    render: Callable[[Note], Files]
    read: Callable[[Path], Reading] | None = None
    head: Files = field(default_factory=dict)
    tail: Files = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    beside: Callable[[Labels, Sequence[str]], Files] = nothing_beside


def note_formats() -> Mapping[str, NoteFormat]:
    """Return every format by the name of its file."""
    return members(exchange, "FORMAT")
