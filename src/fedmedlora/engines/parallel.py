"""Several processes of this machine that share the work, each with a base model of its own.

Every piece of work (a site's training in a round, the loss or the score of an adapter) is a pure
function of what is handed over, so which process does it, and when, changes no byte of a run.
"""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import EngineError, FedMedLoRAError
from fedmedlora.experiment.environment import peak_memory_bytes
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.broadcast import News
from fedmedlora.federation.engine import NOTHING_KEPT, Engine, Outcome, Participant, Scope
from fedmedlora.federation.turns import Turn
from fedmedlora.tasks.scoring import NoteCounts
from fedmedlora.tasks.tally import Tally

Work = Callable[[Engine], Any]


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


class ParallelEngine:
    """An engine whose work is done by several processes."""

    def __init__(self, opening: Callable[[], Engine], *, num_workers: int) -> None:
        """Start the processes and wait until each has its engine.

        Args:
            opening: Makes the engine of a process; travels there by pickle.
            num_workers: How many processes; each trains with the threads that `opening` sets.

        Raises:
            ModelError: The base model cannot be opened.
            EngineError: A process ended before it was ready.
        """
        self.num_workers = num_workers
        self.turn = Turn()
        self._workers: list[_Worker] = []
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._threads = ThreadPoolExecutor(num_workers)
        self._seconds: dict[str, float] = {}
        try:
            for _ in range(num_workers):
                self._workers.append(_Worker())
            for worker in self._workers:
                worker.ask(opening)
            for worker in self._workers:
                worker.answer()
                self._idle.put(worker)
            facts: tuple[str, int, str, AdapterWeights] = self._asked(_facts)
            self.base, self.num_base_bytes, self.dtype, self._initial = facts
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the processes at once; whoever waits for an answer gets an `EngineError`."""
        # What is queued is not cancelled: it fails at an ended process, and so wakes who waits.
        self._threads.shutdown(wait=False)
        for worker in self._workers:
            worker.end()

    def peak_memory_bytes(self) -> int | None:
        """Return the most memory that this process and the workers have held, added up."""
        peaks = [peak_memory_bytes(), *(worker.peak for worker in self._workers)]
        return None if None in peaks else sum(peak or 0 for peak in peaks)

    def initial(self) -> AdapterWeights:
        """Return the adapter every arm starts from."""
        return self._initial

    def train(
        self,
        participants: Sequence[Participant],
        start: AdapterWeights,
        plans: Mapping[str, LocalPlan],
    ) -> Iterator[Outcome]:
        """Yield each participant's outcome as it arrives."""
        adapter = dict(start)
        # The longest first, so that no worker ends long after the others.
        slowest_first = sorted(participants, key=lambda one: -self._seconds.get(one.name, 0.0))
        for (outcome,) in self._as_answered(
            partial(_listed, "train", [one], adapter, {one.name: plans[one.name]})
            for one in slowest_first
        ):
            self._seconds[outcome.participant.name] = outcome.seconds
            yield outcome

    def losses(self, questions: Sequence[tuple[AdapterWeights, str]]) -> list[float]:
        """Return each adapter's loss on a place's dev notes, in nats per label token."""
        asked = [partial(_called, "losses", [(dict(a), place)]) for a, place in questions]
        return [loss for (loss,) in self._all_of(asked)]

    def token_counts(self, site: str) -> NDArray[np.int64]:
        """Return how often a site's training notes use each token of the public vocabulary."""
        counts: NDArray[np.int64] = self._asked(partial(_called, "token_counts", site))
        return counts

    def deliver(self, news: News, *, before: str, after: str) -> None:
        """Do nothing: every question comes with all that it is about."""

    def evaluate(
        self,
        bundle: AdapterWeights,
        sites: Sequence[str],
        scope: Scope,
        *,
        memories: Mapping[str, str] = NOTHING_KEPT,
    ) -> Iterator[tuple[str, Tally]]:
        """Yield each site with the tally of its notes in the scope, as they arrive."""
        weights = dict(bundle)
        for scored in self._as_answered(
            partial(_listed, "evaluate", weights, [site], scope, memories=dict(memories))
            for site in sites
        ):
            yield from scored

    def shown(self, site: str, number: int) -> Mapping[str, int]:
        """Return how many windows and heads of a site a model is shown where so many are wanted."""
        told: Mapping[str, int] = self._asked(partial(_called, "shown", site, number))
        return told

    def spent(self) -> Mapping[str, int]:
        """Return nothing: the processes read by themselves."""
        return {}

    def ceiling(self, site: str, split: str, *, limit: int) -> NoteCounts:
        """Return what a perfect model would reach in the experiment's formulation, all added."""
        counts: NoteCounts = self._asked(partial(_called, "ceiling", site, split, limit=limit))
        return counts

    def predictions(
        self, bundle: AdapterWeights, site: str, split: str, *, limit: int
    ) -> list[dict[str, object]]:
        """Return what the report draws; nothing where the site is not public."""
        asked = partial(_called, "predictions", dict(bundle), site, split, limit=limit)
        drawn: list[dict[str, object]] = self._asked(asked)
        return drawn

    def _asked(self, work: Work) -> Any:  # noqa: ANN401 -- whatever the work returns
        (answer,) = self._all_of([work])
        return answer

    def _all_of(self, works: Sequence[Work]) -> list[Any]:
        under_way = [self._begun(work) for work in works]
        with self.turn.given_up():
            return [begun.result() for begun in under_way]

    def _as_answered(self, works: Iterable[Work]) -> Iterator[Any]:
        under_way = {self._begun(work) for work in works}
        while under_way:
            with self.turn.given_up():
                answered = next(as_completed(under_way))
            under_way.remove(answered)
            yield answered.result()

    def _begun(self, work: Work) -> "Future[Any]":
        try:
            return self._threads.submit(self._done, work)
        except RuntimeError as error:
            raise EngineError(_ENDED) from error

    def _done(self, work: Work) -> Any:  # noqa: ANN401
        # There are as many threads as workers, so one is idle.
        worker = self._idle.get()
        try:
            worker.ask(work)
            return worker.answer()
        finally:
            self._idle.put(worker)


class _Worker:
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
        try:
            self._pipe.send(work)
        except OSError as error:
            raise EngineError(_ENDED) from error

    def answer(self) -> Any:  # noqa: ANN401 -- whatever was asked for
        """Return the answer to the one question, the first that the engine is there.

        Raises:
            EngineError: The process has ended.
        """
        try:
            answer, error, self.peak = self._pipe.recv()
        except (OSError, EOFError) as ended:
            raise EngineError(_ENDED) from ended
        if error is not None:
            raise error
        return answer

    def end(self) -> None:
        self._process.terminate()
        self._process.join()


_ENDED = (
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


def _facts(engine: Engine) -> tuple[str, int, str, AdapterWeights]:
    return engine.base, engine.num_base_bytes, engine.dtype, engine.initial()


def _listed(name: str, *args: object, **options: object) -> list[Any]:
    return list(_called(name, *args, **options))


def _called(name: str, *args: object, **options: object) -> Any:  # noqa: ANN401
    *rest, engine = args
    return getattr(engine, name)(*rest, **options)
