"""A whole study: what is missing is run, trials before what they decide."""

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fedmedlora.durable_files import remove_parts
from fedmedlora.errors import Fault, InputError, QuorumError
from fedmedlora.experiment.disk import lock_folder, store_errors
from fedmedlora.formats.site_folder import write_site
from fedmedlora.study.cells import Cell, cells_of
from fedmedlora.study.experiments import require_right, require_sites
from fedmedlora.study.keeping import Kept, kept, kept_path, require_paired, strangers
from fedmedlora.study.running import run_cells
from fedmedlora.study.schema import TOGETHER, Hospitals, Setting, Study, Variant, leading
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
        InputError: Something is wrong with the study or with kept cells, or cells are there and
            it is not to go on.
        QuorumError: Some cells failed; names each. All others are kept.
        StoreError: Another process is at this study, or the disk refuses.
    """
    require_right(_all_that_may_be(study))
    folder, work = out / _CELLS, out / _WORK
    for one in (folder, work):
        if one.exists() and not resume:
            advice = "go on with --resume, or name another --out"
            raise InputError([Fault(str(one), "cells of a study", "none", advice)])
    every = [cell for setting in study.settings for cell in cells_of(setting)]
    absent = [cell for cell in every if not kept_path(folder, cell).exists()]
    if absent and study.hospitals:
        _invent(study.hospitals)
    require_sites(absent)
    with _alone(work, needed=bool(absent)):
        if absent:
            remove_parts(*folder.glob("*"))
        done = _conducted(study, folder, work, workers or os.cpu_count() or 1)
    _require_paired(done, folder)
    if strange := strangers(folder, every):
        logger.warning("%s: found %d kept cells of no setting", folder, len(strange))
    return done


def kept_of(study: Study, out: Path) -> Done:
    """Return the cells of a study that are kept; none is run.

    Raises:
        InputError: Something is wrong with the study or with kept cells.
    """
    require_right(_all_that_may_be(study))
    done: list[tuple[Cell, Kept]] = []
    for batch in batches_of(study):
        cells = _wanted(batch, study, done)
        there = kept(out / _CELLS, cells)
        done += [(cell, there[cell.name]) for cell in cells if cell.name in there]
    _require_paired(done, out / _CELLS)
    return _in_order(study, done)


def _conducted(study: Study, folder: Path, work: Path, workers: int) -> Done:
    """Return every cell once the missing ones are run.

    Raises:
        InputError: Kept cells are those of another study.
        QuorumError: Some cells failed.
    """
    total = sum(1 for setting in study.settings for _ in cells_of(setting))
    done: list[tuple[Cell, Kept]] = []
    failures: list[str] = []
    for batch in batches_of(study):
        wanted = _wanted(batch, study, done)
        there = kept(folder, wanted)
        missing = [cell for cell in wanted if cell.name not in there]
        before = len(done) + len(there)
        logger.info("%d of %d cells are kept, %d are to be run", before, total, len(missing))
        failures += run_cells(
            missing, kept=folder, work=work, workers=workers, before=before, total=total
        )
        there |= kept(folder, missing)
        done += [(cell, there[cell.name]) for cell in wanted if cell.name in there]
    if failures:
        raise QuorumError("\n".join(failures))
    return _in_order(study, done)


def batches_of(study: Study) -> Iterator[list[Setting]]:
    """Yield the settings in batches: one that is tuned comes in a later batch than its trials."""
    waiting = list(study.settings)
    ready: set[str | None] = {None}
    while waiting:
        batch = []
        for setting in waiting:
            if setting.tuned_by not in ready:
                break
            batch.append(setting)
        # Trials may stand behind what they tune.
        batch = batch or [next(one for one in waiting if one.tuned_by in ready)]
        waiting = [one for one in waiting if one not in batch]
        ready |= {one.name for one in batch}
        yield batch


def _wanted(batch: Sequence[Setting], study: Study, done: Done) -> list[Cell]:
    """Return the cells of some settings; where a trial failed, what is tuned by it has to wait."""
    return [
        cell
        for setting in batch
        if (chosen := _chosen(setting, study, done)) is not None
        for cell in cells_of(setting, chosen)
    ]


def _require_paired(done: Done, folder: Path) -> None:
    require_paired(folder, [cell for cell, _ in done], {cell.name: each for cell, each in done})


def _in_order(study: Study, done: Done) -> Done:
    by_name = {cell.name: (cell, each) for cell, each in done}
    names = [cell.name for setting in study.settings for cell in cells_of(setting)]
    return [by_name[name] for name in names if name in by_name]


def _all_that_may_be(study: Study) -> Iterator[Cell]:
    """Yield the cells of a study; what is tuned, with each trial that may be chosen."""
    settings = {setting.name: setting for setting in study.settings}
    for setting in study.settings:
        trials = settings[setting.tuned_by].variants if setting.tuned_by else (Variant(),)
        for trial in trials:
            yield from cells_of(setting, {leading(group): trial for group in setting.arms})


@contextmanager
def _alone(work: Path, *, needed: bool) -> Iterator[None]:
    """Keep other processes from a study's runs, and leave nothing of them once all are kept.

    Raises:
        StoreError: Another process has them.
    """
    if not needed:
        yield
        return
    with store_errors(work):
        work.mkdir(parents=True, exist_ok=True)
        lock = lock_folder(work)
    with lock:
        yield
    shutil.rmtree(work)


def _chosen(setting: Setting, study: Study, done: Done) -> dict[str, Variant] | None:
    """Return the trials that a setting takes over, None where some are missing."""
    if setting.tuned_by is None:
        return {}
    trials = next(one for one in study.settings if one.name == setting.tuned_by)
    ran = {cell.name for cell, _ in done}
    if any(cell.name not in ran for cell in cells_of(trials)):
        return None
    return choices(trials, grouped(trials, done))


def grouped(setting: Setting, done: Done) -> dict[tuple[str, str], Sequence[Kept]]:
    """Return what was kept of a setting, seed by seed, by variant and arms as they are named."""
    found: dict[tuple[str, str], list[Kept]] = {}
    for cell, document in done:
        if cell.setting == setting.name:
            found.setdefault((cell.variant, TOGETHER.join(cell.arms)), []).append(document)
    return dict(found)


def _invent(hospitals: Hospitals) -> None:
    """Write the invented hospitals; where they are there already, they must be the same.

    Raises:
        InputError: Others are there, or there are too few notes for them.
    """
    try:
        sites = synthesize(seed=hospitals.seed, num_notes=hospitals.notes)
    except ValueError as error:
        fault = Fault("[hospitals].notes", str(hospitals.notes), "a training note for each site")
        raise InputError([fault]) from error
    for name, (role, site) in sites.items():
        write_site(hospitals.folder / name, site, role=role, synthetic=True, seed=hospitals.seed)
