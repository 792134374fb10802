"""Where a note stands whose format keeps each in a file of its own: any id as a path, and back.

An id of another tool is the path of its file without the ending, so that `ward/17` is one. What no
file can be called everywhere stands in it as `%` and two digits, as in an address; an id too long
for one name goes on in a folder: the `%` that ends each part of it but the last says so.
"""

from pathlib import PurePath
from urllib.parse import quote, unquote

_LONGEST = 150
"""Characters of a name: file systems take 255 bytes, and an ending is still to come."""


def path_of(note_id: str) -> str:
    """Return the path of a note's file, without its ending; two ids never share one."""
    quoted = quote(note_id, safe="")
    parts = [quoted[at : at + _LONGEST] for at in range(0, len(quoted), _LONGEST)]
    return "%/".join(map(_shown, parts))


def note_id_of(path: PurePath) -> str:
    """Return the id of the note in a file.

    Args:
        path: Of the file under the folder that is read, with its ending.
    """
    joined = path.with_suffix("").as_posix().replace("%/", "")
    try:
        return unquote(joined, errors="strict")
    except UnicodeDecodeError:
        # Another tool's name, in which % is just a character.
        return joined


def _shown(name: str) -> str:
    """Return a name that is not hidden, and is not the folder itself, as one with a point first."""
    return f"%2E{name[1:]}" if name.startswith(".") else name
