"""Site folders: `site.json` and one JSONL file a split, the project's own format.

Reading tells every fault of the folder at once. Writing refuses what reading would refuse, and
puts each file in its place only when all of it is on the disk.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from fedmedlora.clinical.notes import SiteNotes
from fedmedlora.durable_files import parts_of, write_whole
from fedmedlora.errors import Fault, InputError, StoreError
from fedmedlora.formats.site_files import (
    DESCRIPTION,
    SPLITS,
    notes_file,
    parse_site,
    render_site,
)


def read_site(folder: Path, *, required: Sequence[str] = ("train", "dev")) -> SiteNotes:
    """Return the notes of a site folder.

    Args:
        folder: Holds `site.json` and `train.jsonl`, `dev.jsonl`, `test.jsonl`, `extra.jsonl`.
        required: The splits that must be there and hold a note.

    Raises:
        InputError: Anything is wrong; holds every fault of the whole folder.
    """
    if not folder.is_dir():
        raise InputError([Fault(str(folder), "no such folder", "a site folder")])
    names = (DESCRIPTION, *map(notes_file, SPLITS))
    files = {name: _content(folder / name) for name in names if (folder / name).exists()}
    return parse_site(folder, files, required=required)


def read_own_site(folder: Path, name: str) -> SiteNotes:
    """Return the notes of a site folder that must be of the site whose start-up kit this is.

    Raises:
        InputError: They are another site's, or as `read_site` has it.
    """
    site = read_site(folder)
    if site.name == name:
        return site
    where, expected = f"{folder}/{DESCRIPTION}: site", f"{name!r}, as the start-up kit says"
    raise InputError([Fault(where, repr(site.name), expected)])


def place_of_note(folder: Path, split: str, index: int) -> str:
    """Return the file and the line of a note of a split, the first being 0."""
    file = folder / notes_file(split)
    with file.open("rb") as lines:
        filled = (number for number, line in enumerate(lines, start=1) if line.strip())
        return f"{file}:{next(islice(filled, index, None), index + 1)}"


def write_site(folder: Path, site: SiteNotes, **meta: object) -> None:
    """Write a site folder that `read_site` reads back to the same values.

    Args:
        folder: New, empty, or holding nothing but files of the very same notes.
        site: The notes.
        meta: More keys for `site.json`, as `role` or `style`.

    Raises:
        InputError: The notes are not what a site folder may hold, or other files stand there.
        StoreError: The disk refuses; what stood there before is unharmed.
    """
    files = render_site(site, meta)
    parse_site(folder, files)
    if faults := list(_strangers(folder, files)):
        raise InputError(faults)
    for name, content in files.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, content)
        except OSError as error:
            found = f"'{error.strerror}' on writing"
            message = f"{folder / name}: found {found}, expected {len(content)} bytes of room"
            raise StoreError(f"{message}; free the disk and write again") from error


def _content(path: Path) -> bytes | Fault:
    try:
        return path.read_bytes()
    except OSError as error:
        return Fault(str(path), f"'{error.strerror}' on reading", "a readable file")


def _strangers(folder: Path, files: Mapping[str, bytes]) -> Iterator[Fault]:
    """Yield a fault for everything in a folder that writing these files would mix with or lose."""
    if not folder.exists():
        return
    if not folder.is_dir():
        yield Fault(str(folder), "a file", "a folder")
        return
    ours = {own for name in files for own in (folder / name, *parts_of(folder / name))}
    for path in sorted(folder.iterdir()):
        if path.name in files and _content(path) != files[path.name]:
            expected = "the content that is to be written"
            yield Fault(str(path), "other content", expected, "choose an empty folder")
        elif path not in ours:
            expected = "a folder without other files"
            yield Fault(str(path), "a file of something else", expected, "choose an empty folder")
