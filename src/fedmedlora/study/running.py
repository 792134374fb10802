"""The cells of a study run, one process a core at most, each kept as soon as it is done."""

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

from fedmedlora.errors import FedMedLoRAError, QuorumError
from fedmedlora.experiment.database import has_run
from fedmedlora.study.cells import Cell, write_experiment
from fedmedlora.study.keeping import keep

logger = logging.getLogger(__name__)

# The run ends with whoever started it: its input is a pipe that nobody writes to.
_RUN = (
    "import os, sys, threading; "
    "threading.Thread(target=lambda: (sys.stdin.read(), os._exit(3)), daemon=True).start(); "
    "from fedmedlora.cli import main; sys.exit(main())"
)
_LAST_LINES = 5


@dataclass(slots=True)
class _Clock:
    """Knows how long cells took, and so how long the others will take."""

    remaining: list[Cell]
    workers: int
    lock: Lock = field(default_factory=Lock)
    took_s: dict[tuple[str, tuple[str, ...]], list[float]] = field(default_factory=dict)

    def done(self, cell: Cell, seconds: float) -> float | None:
        """Return seconds left, None where nothing like the rest was run yet."""
        with self.lock:
            self.remaining.remove(cell)
            self.took_s.setdefault((cell.setting, cell.arms), []).append(seconds)
            every = [one for each in self.took_s.values() for one in each]
            expected = [
                self.took_s.get((each.setting, each.arms)) or every for each in self.remaining
            ]
            return sum(sum(each) / len(each) for each in expected) / self.workers


def run_cells(cells: Sequence[Cell], *, kept: Path, work: Path, workers: int, total: int) -> None:
    """Run cells and keep each; one that fails does not keep the others from running.

    Args:
        kept: The folder of kept cells.
        work: Where runs lie while they run; a run that was cut off goes on.
        workers: Processes at a time.
        total: Cells of the study, for progress.

    Raises:
        QuorumError: Some cells failed; names each with its last words.
    """
    clock, failures = _Clock(list(cells), workers), list[str]()

    def attempt(cell: Cell) -> None:
        began = time.monotonic()
        try:
            _run(cell, kept, work)
        except FedMedLoRAError as error:
            failures.append(f"cell {cell.name}: {error}")
            logger.warning("%s", failures[-1])
        seconds = time.monotonic() - began
        left_s = clock.done(cell, seconds)
        position = total - len(clock.remaining)
        logger.info(
            "%d of %d cells: %s in %.0f s; about %.0f min left",
            position,
            total,
            cell.name,
            seconds,
            (left_s or 0) / 60,
        )

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(attempt, cells))
    if failures:
        raise QuorumError("\n".join(failures))


def _run(cell: Cell, kept: Path, work: Path) -> None:
    """Run one cell to its end.

    Raises:
        QuorumError: It failed.
    """
    folder = work / cell.name
    run = folder / "run"
    experiment = write_experiment(cell, folder)
    words = ["run", str(experiment), "--out", str(run), *(["--resume"] if has_run(run) else [])]
    log = folder / "log.txt"
    with log.open("ab") as said, _process(words, said) as process:
        code = process.wait()
    if code:
        told = log.read_text("utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        raise QuorumError(f"found that its run ended with exit code {code}: {' / '.join(told)}")
    keep(kept, cell, run)
    shutil.rmtree(folder)


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
