"""Notes: data check, data stats, data synthesize."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from fedmedlora.clinical.statistics import site_statistics
from fedmedlora.formats.site_folder import read_site, write_site
from fedmedlora.synthetic.hospitals import synthesize as invent


def check(options: argparse.Namespace) -> int:
    """Say that a site's folder is right; every fault is an InputError of the reader."""
    site = read_site(options.folder)
    notes = {split: len(notes) for split, notes in site.splits.items()}
    if options.json:
        _print_json({"site": site.name, "notes": notes, "faults": []})
    else:
        counted = ", ".join(f"{number} {split}" for split, number in notes.items())
        sys.stdout.write(f"{options.folder}: no fault in {counted} notes\n")
    return 0


def stats(options: argparse.Namespace) -> int:
    """Print what a site has."""
    statistics = site_statistics(read_site(options.folder))
    if options.json:
        _print_json(statistics)
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(statistics, ""))
    return 0


def synthesize(options: argparse.Namespace) -> int:
    """Write hospitals that do not exist, one folder each."""
    write_hospitals(options.out, seed=options.seed, num_notes=options.notes)
    sys.stdout.write(f"{options.out}\n")
    return 0


def write_hospitals(folder: Path, *, seed: int, num_notes: int | None) -> None:
    """Write every invented hospital under a folder."""
    for name, (role, site) in invent(seed=seed, num_notes=num_notes).items():
        write_site(folder / name, site, role=role, synthetic=True, seed=seed)


def _print_json(value: Any) -> None:  # noqa: ANN401 -- any JSON value
    json.dump(value, sys.stdout)
    sys.stdout.write("\n")


def _lines(value: Any, indent: str) -> list[str]:  # noqa: ANN401 -- any JSON value
    """Return a nested document as indented lines."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines += [f"{indent}{key}", *_lines(item, f"{indent}  ")]
        else:
            shown = f"{item:.3f}" if isinstance(item, float) else item
            lines.append(f"{indent}{key}: {shown}")
    return lines
