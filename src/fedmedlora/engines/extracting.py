"""From the texts of notes to an output, a batch at a time, of which one is held in memory."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.engines.sources import Source
from fedmedlora.errors import Fault, InputError
from fedmedlora.evaluation.calibration import confidences
from fedmedlora.formats.note_format import Files, NoteFormat, shared_files
from fedmedlora.formats.note_output import Mark, Output, leads_out
from fedmedlora.formats.texts import Text
from fedmedlora.tasks.read_notes import read_note

_SITE = "notes"
_BATCH_CHARACTERS = 32_768
_BATCH_NOTES = 256
"""Where a batch ends; docs/results/extracting.md has what other sizes come to."""

Read = Callable[[Sequence[Text]], Sequence[Note]]
"""A model that reads some notes."""


def reader(source: Source) -> Read:
    """Return an adapter with its base model loaded, ready to read.

    Raises:
        InputError: The adapter learnt another task.
        ModelError: As `Source.engine` has it.
    """
    if source.model.task != "extract":
        found, expected = f"an adapter for the task {source.model.task!r}", "one that extracts"
        raise InputError([Fault(source.place, found, expected)])
    entities = tuple(type_ for type_ in MAIN_TYPES if type_ in source.types)
    relations = tuple(type_ for type_ in RELATION_TYPES if type_ in source.types)
    labels = Labels(entities, relations)
    engine = source.engine({})

    def read(texts: Sequence[Text]) -> list[Note]:
        notes = [Note(text.name, _SITE, text.text, (), ()) for text in texts]
        found = engine.read(source.adapter, notes, labels)
        return [
            read_note(note, own, confidences(own, source.calibration))
            for note, own in zip(notes, found, strict=True)
        ]

    return read


@dataclass(frozen=True, slots=True)
class Step:
    """A batch that stands in the output, and what of it could not be read."""

    mark: Mark
    faults: tuple[Fault, ...]


def extract(
    texts: Iterable[Text | Fault], read: Read, form: NoteFormat, output: Output
) -> Iterator[Step]:
    """Write what a model finds in each note, from where an output was left.

    Yields:
        Each batch once it is written. No note stops the others: one that is no text, that fails
        in the model or has no place in the format is a fault, and stands as one in the output where
        the format can say so.

    Raises:
        InputError: An output that was begun has read other notes so far.
        OSError: The output cannot be written.
    """
    stream = iter(texts)
    _pass_over(stream, output.mark)
    shared = shared_files(form)
    for batch in _batches(stream):
        writing = _Writing(form, output, shared)
        for given, result in zip(batch, _results(read, batch), strict=True):
            writing.add(given, result)
        output.append(writing.files(), writing.mark)
        yield Step(writing.mark, tuple(writing.faults))
    ends = (form.tail,) if output.mark.num_notes else (form.head, form.tail)
    output.finish(_joined(ends))


class _Writing:
    """A batch on its way into the output."""

    def __init__(self, form: NoteFormat, output: Output, shared: frozenset[str]) -> None:
        self._form, self._output, self._shared = form, output, shared
        self._parts: list[Files] = [] if output.mark.num_notes else [form.head]
        self._own: set[str] = set()
        self.faults: list[Fault] = []
        self.mark = output.mark

    def add(self, given: Text | Fault, result: Note | Fault) -> None:
        """Add a note, or what is wrong with it."""
        lost = (result.lost or {}) if isinstance(result, Note) else {}
        written = self._written(result) if isinstance(result, Note) else result
        if isinstance(written, Fault):
            self.faults.append(written)
            lost, written = {}, self._form.unread(written) if self._form.unread else {}
        if written and self.mark.num_written:
            self._parts.append(self._form.between)
        self._parts.append(written)
        self.mark = Mark(
            num_notes=self.mark.num_notes + 1,
            num_unread=self._output.mark.num_unread + len(self.faults),
            num_written=self.mark.num_written + bool(written),
            digest=_chained(self.mark.digest, given),
            lost=dict(Counter(self.mark.lost) + Counter(lost)),
        )

    def files(self) -> Files:
        """Return what the notes so far come to."""
        return _joined(self._parts)

    def _written(self, note: Note) -> Files | Fault:
        expected = "a note that the format can hold"
        try:
            files = self._form.render(note)
        except Exception as error:  # noqa: BLE001 -- one note must not stop the others
            return Fault(note.id, f"{type(error).__name__} when it was to be written", expected)
        if any(map(leads_out, files)):
            return Fault(note.id, "a name that leads out of the folder", expected)
        own = files.keys() - self._shared
        if any(name in self._own or self._output.has(name) for name in own):
            return Fault(note.id, "the name of another note", "a name of its own")
        self._own |= own
        return files


def _joined(parts: Iterable[Files]) -> Files:
    """Return files that come one after the other as one of each name."""
    contents: dict[str, list[bytes]] = {}
    for part in parts:
        for name, content in part.items():
            contents.setdefault(name, []).append(content)
    return {name: b"".join(pieces) for name, pieces in contents.items()}


def _batches(stream: Iterator[Text | Fault]) -> Iterator[list[Text | Fault]]:
    batch: list[Text | Fault] = []
    size = 0
    for one in stream:
        batch.append(one)
        size += len(one.text) if isinstance(one, Text) else 0
        if size >= _BATCH_CHARACTERS or len(batch) >= _BATCH_NOTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _results(read: Read, batch: Sequence[Text | Fault]) -> list[Note | Fault]:
    """Return what was found in each note of a batch, or what is wrong with it."""
    found = iter(_read_all(read, [one for one in batch if isinstance(one, Text)]))
    return [next(found) if isinstance(one, Text) else one for one in batch]


def _read_all(read: Read, texts: Sequence[Text]) -> Sequence[Note | Fault]:
    """Read notes together, and where that fails one by one."""
    try:
        return read(texts) if texts else []
    except Exception as error:  # noqa: BLE001 -- one note must not stop the others
        if len(texts) > 1:
            return [result for text in texts for result in _read_all(read, [text])]
        # What it says may be text of the note.
        found = f"{type(error).__name__} in the model"
        return [Fault(texts[0].name, found, "a note that it can read")]


def _pass_over(stream: Iterator[Text | Fault], mark: Mark) -> None:
    """Take from a stream the notes that an output has already.

    Raises:
        InputError: They are others.
    """
    digest = ""
    for one in islice(stream, mark.num_notes):
        digest = _chained(digest, one)
    if digest != mark.digest:
        found = f"other notes than the {mark.num_notes} that were read"
        raise InputError([Fault("--resume", found, "the same in the same order")])


def _chained(digest: str, one: Text | Fault) -> str:
    said = (one.name, one.text) if isinstance(one, Text) else (one.where, one.found)
    return hashlib.sha256(json.dumps([digest, *said]).encode()).hexdigest()
