"""Notes in the formats of others: data import, data export."""

import argparse
import sys
from collections.abc import Mapping

from fedmedlora.cli.answers import answer
from fedmedlora.formats.exporting import export_site
from fedmedlora.formats.importing import DEV_SHARE, import_site
from fedmedlora.formats.note_format import note_formats
from fedmedlora.formats.site_folder import read_site, write_site


def import_notes(options: argparse.Namespace) -> int:
    """Write a site folder from annotated notes in another format."""
    format_ = note_formats()[options.format]
    imported = import_site(
        options.source, format_, name=options.site, types=dict(options.map or ())
    )
    write_site(options.out, imported.site)
    _tell("left out", imported.left_out)
    if imported.dealt:
        sys.stderr.write(f"no dev there: {DEV_SHARE:.0%} of the patients, or of the notes, are\n")
    notes = {split: len(some) for split, some in imported.site.splits.items()}
    labels = {"entities": [*imported.site.labels.entities]}
    labels["relations"] = [*imported.site.labels.relations]
    whole = {"site": imported.site.name, "out": str(options.out), "notes": notes, **labels}
    answer(options, {**whole, "left_out": imported.left_out}, [str(options.out)])
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
