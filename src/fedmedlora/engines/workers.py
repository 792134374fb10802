"""A process beside this one that holds an engine and answers what it is asked."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any

from fedmedlora.errors import EngineError, FedMedLoRAError
from fedmedlora.experiment.environment import peak_memory_bytes
from fedmedlora.federation.engine import Engine


def _context() -> ForkServerContext | SpawnContext:
    """Return how processes begin.

    None is forked from this one, whose threads, those of OpenMP too, would be missing there. Where
    the system's own libraries bear it, they are forked from one that has loaded what takes seconds
    and did nothing yet, so that this is done once, and its memory is shared.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    return context


PRELOADED = ("torch", "accelerate", "transformers.modeling_utils")
"""Modules that look for no GPU while they are imported: one that was found could not be used
behind a fork."""
_CONTEXT = _context()


class Worker:
    """One process with its engine, reached through a pipe; one question at a time."""

    def __init__(self) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(theirs,), daemon=True)
        self.peak: int | None = 0
        try:
            self._process.start()
        except OSError as error:
            raise EngineError(f"engine: no worker could be started: {error.strerror}") from error
        # Closed here, the pipe ends with the process, and with it whoever waits.
        theirs.close()

    def ask(self, work: Callable[..., Any]) -> None:
        """Send the process what it is to do; the first makes its engine.

        Raises:
            EngineError: The process has ended.
        """
        try:
            self._pipe.send(work)
        except OSError as error:
            raise EngineError(ENDED) from error

    def answer(self) -> Any:  # noqa: ANN401 -- whatever was asked for
        """Return the answer to the one question, the first that the engine is there.

        Raises:
            EngineError: The process has ended.
        """
        try:
            answer, error, self.peak = self._pipe.recv()
        except (OSError, EOFError) as ended:
            raise EngineError(ENDED) from ended
        if error is not None:
            raise error
        return answer

    def end(self) -> None:
        """End the process at once."""
        self._process.terminate()
        self._process.join()


ENDED = (
    "engine: found that a worker process has ended, expected its answer; the system may have run "
    "out of memory: lower engine.workers, and go on with --resume"
)


def _serve(pipe: Connection) -> None:
    """Open an engine as the first question says, then answer with it as long as somebody asks."""
    # Ctrl-C reaches every process of a terminal; the one that asks decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    engine: Engine | None = None
    while True:
        try:
            work = pipe.recv()
        except (OSError, EOFError):
            return
        answer, error = _attempted(work if engine is None else partial(work, engine))
        if engine is None and error is None:
            engine, answer = answer, None
        pipe.send((answer, error, peak_memory_bytes()))


def _end_with_the_parent() -> None:
    # In the middle of a training too, which would otherwise go on beside a run that is resumed.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _attempted(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return work(), None
    except FedMedLoRAError as error:
        return None, error
    except Exception as error:  # noqa: BLE001 -- raised again where it was asked for
        # What is raised there knows nothing of the lines it came from here.
        error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
        return None, error
