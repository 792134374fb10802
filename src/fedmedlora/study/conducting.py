"""A whole study: what is missing is run, trials before what they decide."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from fedmedlora.errors import Fault, InputError
from fedmedlora.formats.site_folder import write_site
from fedmedlora.study.cells import Cell, cells_of, require_right
from fedmedlora.study.keeping import Kept, kept
from fedmedlora.study.running import run_cells
from fedmedlora.study.schema import TOGETHER, Hospitals, Setting, Study, Variant
from fedmedlora.study.tuning import choices
from fedmedlora.synthetic.hospitals import synthesize

logger = logging.getLogger(__name__)

_CELLS, _WORK = "cells", "work"

Done = Sequence[tuple[Cell, Kept]]
"""Cells with what was kept of them, in the order of the study."""


def conduct(study: Study, out: Path, *, resume: bool, workers: int | None = None) -> Done:
    """Return every cell of a study with what it came to, run where it was not kept.

    Args:
        out: Holds the folder of kept cells; runs lie there while they run.
        resume: Whether cells may be there already.
        workers: Processes at a time, as many as cores where None.

    Raises:
        InputError: Something is wrong with the study or with a kept cell, or cells are there and
            it is not to go on.
        QuorumError: Some cells failed; all others are kept.
    """
    require_right(study)
    folder = out / _CELLS
    if folder.exists() and not resume:
        advice = "go on with --resume, or name another --out"
        raise InputError([Fault(str(folder), "cells of a study", "none", advice)])
    if study.hospitals:
        _invent(study.hospitals)
    total = sum(1 for setting in study.settings for _ in cells_of(setting))
    done: list[tuple[Cell, Kept]] = []
    for settings in _phases(study):
        wanted = [cell for one in settings for cell in cells_of(one, _chosen(one, study, done))]
        missing = [cell for cell in wanted if kept(folder, cell) is None]
        logger.info("%d of %d cells of this phase to be run", len(missing), len(wanted))
        run_cells(
            missing,
            kept=folder,
            work=out / _WORK,
            workers=workers or os.cpu_count() or 1,
            total=total,
        )
        done += [(cell, found) for cell in wanted if (found := kept(folder, cell)) is not None]
    return done


def _phases(study: Study) -> tuple[list[Setting], list[Setting]]:
    trials = {setting.tuned_by for setting in study.settings}
    first = [setting for setting in study.settings if setting.name in trials]
    return first, [setting for setting in study.settings if setting.name not in trials]


def _chosen(setting: Setting, study: Study, done: Done) -> dict[str, Variant]:
    if setting.tuned_by is None:
        return {}
    trials = next(one for one in study.settings if one.name == setting.tuned_by)
    return choices(trials, grouped(trials, done))


def grouped(setting: Setting, done: Done) -> dict[tuple[str, str], Sequence[Kept]]:
    """Return what was kept of a setting, seed by seed, by variant and arms as they are named."""
    found: dict[tuple[str, str], list[Kept]] = {}
    for cell, document in done:
        if cell.setting == setting.name:
            found.setdefault((cell.variant, TOGETHER.join(cell.arms)), []).append(document)
    return dict(found)


def _invent(hospitals: Hospitals) -> None:
    """Write the invented hospitals; where they are there already, they must be the same."""
    sites = synthesize(seed=hospitals.seed, num_notes=hospitals.notes)
    for name, (role, site) in sites.items():
        write_site(hospitals.folder / name, site, role=role, synthetic=True, seed=hospitals.seed)
