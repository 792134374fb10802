"""Several arms under way at once, where the engine has workers for them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from fedmedlora.experiment.arms import Arm
from fedmedlora.federation.engine import Engine


def side_by_side(arms: Sequence[Arm], attempt: Callable[[Arm], None], engine: Engine) -> None:
    """Attempt every arm, in order with one worker, else so many at once as there are workers.

    An arm waits for the one it starts from. Attempts take turns: one goes on only while the others
    wait for the engine.

    Raises:
        Exception: What an attempt raised; the engine is then closed, so that the others end too.
    """
    if engine.num_workers == 1:
        for arm in arms:
            attempt(arm)
        return
    begun: dict[str, Future[None]] = {}
    with ThreadPoolExecutor(engine.num_workers) as threads:
        try:
            for arm in arms:
                first = begun.get(arm.start or "")
                begun[arm.name] = threads.submit(_in_turn, arm, attempt, engine, first)
            for attempted in as_completed(begun.values()):
                attempted.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            engine.close()
            raise


def _in_turn(
    arm: Arm, attempt: Callable[[Arm], None], engine: Engine, first: Future[None] | None
) -> None:
    # Arms begin in order, so that the one waited for is under way and needs no free thread.
    # An error there ends the whole run.
    if first is not None and first.exception() is not None:
        return
    with engine.turn:
        attempt(arm)
