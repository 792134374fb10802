"""Notes in the formats of others: data import, data export."""

import argparse
import sys
from collections.abc import Mapping

from fedmedlora.cli.answers import answer
from fedmedlora.formats.exporting import export_site
from fedmedlora.formats.importing import DEV_SHARE, import_site
from fedmedlora.formats.note_format import note_formats
from fedmedlora.formats.pseudonyms import pattern_finder, pseudonymise_site
from fedmedlora.formats.site_folder import read_site, write_site

_CAUTION = (
    "names of people and places are not found that way, nor are numbers without a known pattern; "
    "ids of notes and patients stay as they are: have a person read notes before they are shown\n"
)


def import_notes(options: argparse.Namespace) -> int:
    """Write a site folder from annotated notes in another format."""
    format_, types = note_formats()[options.format], dict(options.map or ())
    # Before the notes are read: an extra that is not there should not take a minute to be told.
    find = pattern_finder() if options.pseudonymise else None
    imported = import_site(options.source, format_, name=options.site, types=types)
    site, replaced = pseudonymise_site(imported.site, find) if find else (imported.site, {})
    write_site(options.out, site)
    _tell("left out", imported.left_out)
    _tell("replaced", replaced)
    if imported.dealt:
        sys.stderr.write(f"no dev there: {DEV_SHARE:.0%} of the patients, or of the notes, are\n")
    if find:
        sys.stderr.write(_CAUTION)
    whole = {
        "site": site.name,
        "out": str(options.out),
        "notes": {split: len(notes) for split, notes in site.splits.items()},
        "entities": [*site.labels.entities],
        "relations": [*site.labels.relations],
        "left_out": imported.left_out,
        "replaced": replaced,
    }
    answer(options, whole, [str(options.out)])
    return 0


def export_notes(options: argparse.Namespace) -> int:
    """Write the notes of a site in another format."""
    site = read_site(options.folder, required=())
    lost = export_site(options.out, site, note_formats()[options.format])
    _tell(f"{options.format} has no place for", lost)
    notes = {split: len(some) for split, some in site.splits.items()}
    answer(options, {"out": str(options.out), "notes": notes, "lost": lost}, [str(options.out)])
    return 0


def _tell(what: str, counted: Mapping[str, int]) -> None:
    sys.stderr.writelines(f"{what}: {number} {name}\n" for name, number in counted.items())
