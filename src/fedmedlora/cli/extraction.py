"""Extraction: what an adapter finds in notes that nobody annotated."""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

from fedmedlora import bundled
from fedmedlora.adapters.files import adapter_digest
from fedmedlora.cli.answers import answer
from fedmedlora.cli.progress import Progress
from fedmedlora.engines.extracting import extract as extracted
from fedmedlora.engines.extracting import reader
from fedmedlora.engines.sources import Source, open_source
from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.json_document import indented_json, one_line_json
from fedmedlora.formats.note_format import NoteFormat, Reading, is_one_file, note_formats
from fedmedlora.formats.note_output import FileOutput, Output, StreamOutput, is_whole, require_new
from fedmedlora.formats.texts import STDIN, Texts
from fedmedlora.reporting.absences import lost_in_words
from fedmedlora.reporting.extraction import extraction_page


def extract(options: argparse.Namespace) -> int:
    """Write what an adapter finds in some notes, each as soon as it is read."""
    adapter, places = _told_apart(options.source, options.files)
    texts = Texts(tuple(dict.fromkeys(places)), sys.stdin.buffer, options.column, options.id_column)
    # Before a model is loaded: what is wrong with a call should not take a minute to be told.
    texts.require()
    is_folder = not is_one_file(_form(options, "", datetime.now(tz=UTC).date()))
    _require_place(options, is_folder=is_folder)
    if options.resume and is_whole(options.out):
        return _finished(options, {"out": str(options.out)})
    source = open_source(adapter, arm=options.arm)
    origin = f"{source.origin}: {bundled.CAUTION}" if adapter == bundled.ADAPTER else source.origin
    read = reader(source)
    sys.stderr.write(f"read by {origin}\n")
    output, began_on = _output(options, source, texts, is_folder=is_folder)
    form = _form(options, origin, began_on)
    with Progress(sys.stderr, texts.count, time.monotonic, begun=output.mark.num_notes) as progress:
        for step in extracted(texts, read, form, output):
            progress.tell(step.mark.num_notes, step.faults)
    mark = output.mark
    if mark.lost:
        sys.stderr.write(f"{lost_in_words(mark.lost)}\n")
    if mark.num_unread:
        sys.stderr.write(f"{mark.num_unread} of {mark.num_notes} notes could not be read\n")
    if options.out:
        told = {"notes": mark.num_notes, "unread": mark.num_unread, "lost": dict(mark.lost)}
        _finished(options, {"out": str(options.out), "origin": origin, **told})
    return InputError.exit_code if mark.num_unread else 0


def _finished(options: argparse.Namespace, told: dict[str, object]) -> int:
    answer(options, told, [str(options.out)])
    return 0


def _told_apart(first: Path | None, others: Sequence[Path]) -> tuple[Path, Sequence[Path]]:
    """Return the adapter and the notes: what comes first is an adapter if it is a folder."""
    if first is None:
        return bundled.ADAPTER, [STDIN]
    if first.is_dir() or first == bundled.ADAPTER:
        return first, others or [STDIN]
    return bundled.ADAPTER, [first, *others]


def _form(options: argparse.Namespace, origin: str, began_on: date) -> NoteFormat:
    if options.json and not options.out:
        return one_line_json(origin)
    if options.format == "json":
        return indented_json(origin)
    if options.format == "html":
        return extraction_page(origin)
    form = note_formats()[options.format]
    reading = Reading(origin, version("fedmedlora"), began_on)
    return form.read_by(reading) if form.read_by else form


def _require_place(options: argparse.Namespace, *, is_folder: bool) -> None:
    """Check that what is written has a place.

    Raises:
        InputError: It has none, or something is there.
    """
    if options.out is None and (is_folder or options.resume):
        why = (
            f"--format {options.format} writes a folder" if is_folder else "--resume goes on there"
        )
        raise InputError([Fault("--out", "nothing", "where to write", why)])
    if options.out is not None and not options.resume:
        require_new(options.out)


def _output(
    options: argparse.Namespace, source: Source, texts: Texts, *, is_folder: bool
) -> tuple[Output, date]:
    today = datetime.now(tz=UTC).date()
    if options.out is None:
        return StreamOutput(sys.stdout.buffer), today
    asked = [
        adapter_digest(source.adapter),
        source.base_digest,
        options.format,
        *map(str, (*texts.places, texts.column, texts.id_column)),
    ]
    sha256 = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    output = FileOutput(options.out, is_folder=is_folder, asked=sha256, today=today)
    return output, output.began_on
