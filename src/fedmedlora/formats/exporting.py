"""A site in another format: a folder a split, whole or not at all."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fedmedlora.clinical.notes import Note, SiteNotes
from fedmedlora.errors import Fault, InputError, StoreError
from fedmedlora.formats.note_format import NoteFormat


def export_site(folder: Path, site: SiteNotes, format_: NoteFormat) -> dict[str, int]:
    """Write a site and return what of it the format has no place for, in the plural, to how many.

    Args:
        folder: New or empty.

    Raises:
        InputError: Something stands in the folder, or two notes' files would be one on some disks.
        StoreError: The disk refuses; nothing is left of what was written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        expected = "a new or an empty folder"
        raise InputError([Fault(str(folder), "something else", expected, "choose another")])
    files = dict(format_.beside(site.labels, [*site.splits]))
    for split, notes in site.splits.items():
        rendered = _rendered(notes, format_)
        files |= {f"{split}/{path}": b"".join(parts) for path, parts in rendered.items()}
    if faults := list(_twins(folder, files)):
        raise InputError(faults)
    _write(folder, files)
    counted = _counted([note for some in site.splits.values() for note in some])
    return {what: counted[what] for what in format_.lacks if counted[what]}


def _counted(notes: Sequence[Note]) -> dict[str, int]:
    """Return how many there are of what a format may lack."""
    return {
        "patients": sum(note.patient is not None for note in notes),
        "confidences": sum(e.confidence is not None for n in notes for e in n.entities),
        "fields": sum(len(note.fields) for note in notes),
    }


def _rendered(notes: Sequence[Note], format_: NoteFormat) -> dict[str, list[bytes]]:
    files: dict[str, list[bytes]] = {path: [part] for path, part in format_.head.items()}
    for note in notes:
        for path, part in format_.render(note).items():
            files.setdefault(path, []).append(part)
    for path, part in format_.tail.items():
        files.setdefault(path, []).append(part)
    return files


def _twins(folder: Path, files: Mapping[str, bytes]) -> Iterator[Fault]:
    """Yield a fault for paths that differ in small and capital letters alone."""
    first: dict[str, str] = {}
    for path in files:
        if first.setdefault(path.casefold(), path) != path:
            found = "a name that differs from another's in capital letters alone"
            yield Fault(str(folder / path), found, "a name of its own on every disk")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    part = folder.with_name(f".{folder.name}.part")
    path = part
    try:
        shutil.rmtree(part, ignore_errors=True)
        for name, content in files.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        message = f"{folder}: found '{error.strerror}' on writing, expected room and permission"
        raise StoreError(f"{message}; free the disk or choose another folder") from error
