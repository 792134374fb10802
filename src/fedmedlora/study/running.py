"""The cells of a study run, one process a core at most, each kept as soon as it is done."""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO

from fedmedlora.durable_files import write_whole
from fedmedlora.errors import FedMedLoRAError, QuorumError
from fedmedlora.experiment.database import has_run
from fedmedlora.experiment.disk import store_errors
from fedmedlora.study.cells import Cell
from fedmedlora.study.experiments import told, write_experiment
from fedmedlora.study.keeping import keep

logger = logging.getLogger(__name__)

# The run ends with whoever started it: its input is a pipe that nobody writes to. It is read below
# `sys.stdin`, whose lock Python wants when it ends by itself.
_RUN = (
    "import os, sys, threading; "
    "threading.Thread(target=lambda: (os.read(0, 1), os._exit(3)), daemon=True).start(); "
    "from fedmedlora.cli import main; sys.exit(main())"
)
_LAST_LINES = 5


@dataclass(slots=True)
class _Clock:
    """Knows how many cells there are, how long they took, and so how long the others will take.

    Attributes:
        remaining: Cells that are still to be run.
        position: Cells of the study that are done.
    """

    remaining: list[Cell]
    workers: int
    position: int
    lock: Lock = field(default_factory=Lock)
    took_s: dict[tuple[str, tuple[str, ...]], list[float]] = field(default_factory=dict)

    def done(self, cell: Cell, seconds: float) -> tuple[int, float]:
        """Return how many cells are done now, and seconds left for these."""
        with self.lock:
            self.position += 1
            self.remaining.remove(cell)
            self.took_s.setdefault((cell.setting, cell.arms), []).append(seconds)
            every = [one for each in self.took_s.values() for one in each]
            # What nothing like it was run of is taken for one like all others.
            like = [self.took_s.get((each.setting, each.arms), every) for each in self.remaining]
            return self.position, sum(sum(each) / len(each) for each in like) / self.workers


def run_cells(
    cells: Sequence[Cell], *, kept: Path, work: Path, workers: int, before: int, total: int
) -> list[str]:
    """Run cells and keep each; return what went wrong, a text for each that failed.

    One that fails does not keep the others from running.

    Args:
        kept: The folder of kept cells.
        work: Where runs lie while they run; a run that was cut off goes on.
        workers: Processes at a time.
        before: Cells of the study that are done.
        total: Cells of the study.
    """
    clock = _Clock(list(cells), workers, before)

    def attempt(cell: Cell) -> str | None:
        began, failure = time.monotonic(), None
        try:
            with store_errors(work / cell.name):
                _run(cell, kept, work / cell.name)
        except FedMedLoRAError as error:
            failure = f"cell {cell.name}: {error}"
            logger.warning("%s", failure)
        seconds = time.monotonic() - began
        position, left_s = clock.done(cell, seconds)
        logger.info(
            "%d of %d cells: %s in %.0f s; about %.0f min left",
            position,
            total,
            cell.name,
            seconds,
            left_s / 60,
        )
        return failure

    with ThreadPoolExecutor(workers) as pool:
        return [failure for failure in pool.map(attempt, cells) if failure]


def _run(cell: Cell, kept: Path, folder: Path) -> None:
    """Run one cell to its end.

    Raises:
        QuorumError: It failed.
    """
    _make_room(cell, folder)
    run, log = folder / "run", folder / "log.txt"
    experiment = write_experiment(cell, folder)
    words = ["run", str(experiment), "--out", str(run), *(["--resume"] if has_run(run) else [])]
    with log.open("ab") as said, _process(words, said) as process:
        code = process.wait()
    if code:
        last = log.read_text("utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        raise QuorumError(f"found exit code {code} of its run, expected 0: {' / '.join(last)}")
    keep(kept, cell, run)
    shutil.rmtree(folder)


def _make_room(cell: Cell, folder: Path) -> None:
    """Have the folder of a cell; what was begun there is left if the cell was told the same."""
    mark, content = folder / "cell.json", json.dumps(told(cell)).encode()
    if folder.exists() and not (mark.exists() and mark.read_bytes() == content):
        logger.warning("%s: begun of a cell that was told something else, begun anew", folder)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(mark, content)


@contextmanager
def _process(words: Sequence[str], said: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(  # noqa: S603 -- our own command
        [sys.executable, "-c", _RUN, *words],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=said,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        yield process
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait()
