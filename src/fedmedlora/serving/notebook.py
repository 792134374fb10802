"""The notes at hand, and what a person corrected in them, kept as a site's training notes."""

import io
import threading
from dataclasses import dataclass, field
from pathlib import Path

from fedmedlora.clinical.notes import Labels, Note, SiteNotes
from fedmedlora.durable_files import write_whole
from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.site_files import DESCRIPTION, parse_site, render_site
from fedmedlora.formats.site_folder import read_site
from fedmedlora.formats.texts import Text, Texts
from fedmedlora.sites import is_site_name

_NEW_SPLIT = "train"
_NOWHERE = "notes"
"""The site of notes of which none is known."""


@dataclass(slots=True)
class Notebook:
    """Notes to be read, and a site folder that takes the corrected ones.

    Attributes:
        source: A folder of texts or a site folder; None where notes are only pasted.
        kept: The site folder that corrections go to; None where none are kept.
        labels: What a new site folder says that it annotates.
    """

    source: Path | None
    kept: Path | None
    labels: Labels
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Read everything once.

        Raises:
            InputError: A folder is not what it should be.
        """
        self.notes()
        if self.kept is not None and not (self.kept / DESCRIPTION).exists():
            if not is_site_name(self.kept.name):
                expected = "a name of a-z, 0-9, _ and -, which the site takes from it"
                raise InputError([Fault("--save", str(self.kept), expected)])
            if self.kept.exists() and (not self.kept.is_dir() or any(self.kept.iterdir())):
                raise InputError(
                    [Fault("--save", str(self.kept), "a site folder, a new or an empty one")]
                )
        self.site()

    def notes(self) -> dict[str, Note]:
        """Return the notes at hand by id: as they were, and as they were corrected."""
        return {**self._given(), **self.corrected()}

    def corrected(self) -> dict[str, Note]:
        """Return the notes that were kept, by id."""
        return {note.id: note for notes in self.site().splits.values() for note in notes}

    def keep(self, note: Note) -> str:
        """Keep a corrected note in the place of the one before, and return in which split.

        Raises:
            InputError: The note is not what a site folder may hold, or none is kept here.
        """
        if self.kept is None:
            raise InputError([Fault("--save", "none", "a site folder for corrected notes")])
        with self._lock:
            site = self.site()
            split = next(
                (name for name, notes in site.splits.items() if note.id in {n.id for n in notes}),
                _NEW_SPLIT,
            )
            before = site.splits.get(split, ())
            own = Note(note.id, site.name, note.text, note.entities, note.relations, note.patient)
            after = _put(before, own)
            _write(self.kept, SiteNotes(site.name, site.labels, site.public, {split: after}))
            return split

    def site(self) -> SiteNotes:
        """Return the site of the corrected notes, without a note before the first is kept."""
        if self.kept is None or not (self.kept / DESCRIPTION).exists():
            name = self.kept.name if self.kept else _NOWHERE
            return SiteNotes(name, self.labels, public=False, splits={})
        return read_site(self.kept, required=())

    def _given(self) -> dict[str, Note]:
        if self.source is None:
            return {}
        if (self.source / DESCRIPTION).exists():
            site = read_site(self.source, required=())
            return {note.id: note for notes in site.splits.values() for note in notes}
        texts = Texts((self.source,), io.BytesIO())
        texts.require()
        # What cannot be read is not there to be corrected; `extract` tells why.
        readable = [one for one in texts if isinstance(one, Text) and one.text.strip()]
        ids = [str(Path(one.name).relative_to(self.source)) for one in readable]
        return {
            id_: Note(id_, _NOWHERE, one.text, (), ())
            for id_, one in zip(ids, readable, strict=True)
        }


def _put(notes: tuple[Note, ...], note: Note) -> tuple[Note, ...]:
    if note.id not in {one.id for one in notes}:
        return (*notes, note)
    return tuple(note if one.id == note.id else one for one in notes)


def _write(folder: Path, site: SiteNotes) -> None:
    """Write a description where there is none, and the split that a site is given with."""
    files = render_site(site, {})
    parse_site(folder, {**files})
    if (folder / DESCRIPTION).exists():
        files.pop(DESCRIPTION)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / name, content)
