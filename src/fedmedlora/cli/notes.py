"""Notes: data check, data stats, data synthesize."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fedmedlora.cli.answers import answer
from fedmedlora.clinical.notes import SiteNotes
from fedmedlora.clinical.statistics import site_statistics
from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.cohorts import require_fields
from fedmedlora.formats.site_files import DESCRIPTION
from fedmedlora.formats.site_folder import read_site, write_site
from fedmedlora.synthetic.hospitals import synthesize as invent


def check(options: argparse.Namespace) -> int:
    """Say every fault of a site's folder, or that it is right."""
    try:
        site = _site(options.folder)
        require_fields(site, options.folder)
    except InputError as error:
        if not options.json:
            raise
        answer(options, {"faults": [asdict(fault) for fault in error.faults]}, [])
        return error.exit_code
    notes = {split: len(notes) for split, notes in site.splits.items()}
    counted = ", ".join(f"{number} {split}" for split, number in notes.items())
    right = f"{options.folder}: no fault in {counted} notes"
    answer(options, {"site": site.name, "notes": notes, "faults": []}, [right])
    return 0


def stats(options: argparse.Namespace) -> int:
    """Print what a site has."""
    statistics = site_statistics(_site(options.folder))
    answer(options, statistics, _lines(statistics, ""))
    return 0


def synthesize(options: argparse.Namespace) -> int:
    """Write hospitals that do not exist, one folder each."""
    folders = write_hospitals(
        options.out, seed=options.seed, num_notes=options.notes, task=options.task
    )
    answer(options, {"sites": {name: str(folders[name]) for name in folders}}, [str(options.out)])
    return 0


def _site(folder: Path) -> SiteNotes:
    """Return the site of a folder; one that says it is a server's needs no training notes."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        description = {}
    is_server = isinstance(description, dict) and description.get("role") == "server"
    return read_site(folder, required=("dev",) if is_server else ("train", "dev"))


def write_hospitals(
    folder: Path, *, seed: int, num_notes: int | None, task: str = "extract"
) -> dict[str, Path]:
    """Write every invented hospital under a folder and return where each is, by name.

    Raises:
        InputError: There are fewer notes than sites, or the folder holds something else.
    """
    try:
        sites = invent(seed=seed, num_notes=num_notes, task=task)
    except ValueError as error:
        expected = "a training note for each site at least"
        raise InputError([Fault("--notes", str(num_notes), expected)]) from error
    for name, (role, site) in sites.items():
        write_site(folder / name, site, role=role, synthetic=True, seed=seed)
    return {name: folder / name for name in sites}


def _lines(value: Any, indent: str) -> list[str]:  # noqa: ANN401 -- any JSON value
    """Return a nested document as indented lines."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines += [f"{indent}{key}", *_lines(item, f"{indent}  ")]
        else:
            lines.append(f"{indent}{key}: {_shown(item)}")
    return lines


def _shown(item: object) -> object:
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, list):
        return ", ".join(map(str, item)) or "none"
    return f"{item:.3f}" if isinstance(item, float) else item
