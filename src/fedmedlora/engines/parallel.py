"""Several processes of this machine that share the work, each with a base model of its own.

Every piece of work (a site's training in a round, the loss or the score of an adapter) is a pure
function of what is handed over, so which process does it, and when, changes no byte of a run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import partial
from queue import SimpleQueue
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.blind import BlindElsewhere
from fedmedlora.engines.workers import ENDED, Worker
from fedmedlora.errors import EngineError
from fedmedlora.experiment.environment import peak_memory_bytes
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.broadcast import News
from fedmedlora.federation.engine import NOTHING_KEPT, Engine, Outcome, Participant, Scope
from fedmedlora.federation.turns import Turn
from fedmedlora.tasks.counts import NoteCounts
from fedmedlora.tasks.tally import Tally

Work = Callable[[Engine], Any]


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
        self._workers: list[Worker] = []
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        self._threads = ThreadPoolExecutor(num_workers)
        self._seconds: dict[str, float] = {}
        try:
            for _ in range(num_workers):
                self._workers.append(Worker())
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
        return np.asarray(self._asked(partial(_called, "token_counts", site)))

    def label_tokens(self, site: str) -> int:
        """Return how many label tokens a site's training notes have in one pass."""
        return int(self._asked(partial(_called, "label_tokens", site)))

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
        return dict(self._asked(partial(_called, "shown", site, number)))

    def blind(self) -> BlindElsewhere:
        """Return the sites as they are asked in rounds whose updates stay where they are."""
        return BlindElsewhere(lambda name, *asked: self._asked(partial(_of_blind, name, *asked)))

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
        return list(self._asked(asked))

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
            raise EngineError(ENDED) from error

    def _done(self, work: Work) -> Any:  # noqa: ANN401
        # There are as many threads as workers, so one is idle.
        worker = self._idle.get()
        try:
            worker.ask(work)
            return worker.answer()
        finally:
            self._idle.put(worker)


def _facts(engine: Engine) -> tuple[str, int, str, AdapterWeights]:
    return engine.base, engine.num_base_bytes, engine.dtype, engine.initial()


def _of_blind(name: str, *args: object) -> Any:  # noqa: ANN401 -- whatever it answers
    *rest, engine = args
    answer = getattr(cast("Engine", engine).blind(), name)(*rest)
    return list(answer) if isinstance(answer, Iterator) else answer


def _listed(name: str, *args: object, **options: object) -> list[Any]:
    return list(_called(name, *args, **options))


def _called(name: str, *args: object, **options: object) -> Any:  # noqa: ANN401
    *rest, engine = args
    return getattr(engine, name)(*rest, **options)
