import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from tests.engines.test_local import cohort
from tests.training.tiny_models import TYPES, tiny_bert

from fedmedlora.adapters.shelves import FolderShelf, MemoryShelf, Shelf
from fedmedlora.adapters.weights import add
from fedmedlora.engines.opening import open_local
from fedmedlora.engines.parallel import ParallelEngine
from fedmedlora.engines.workers import PRELOADED
from fedmedlora.errors import EngineError, ModelError
from fedmedlora.experiment.schema import Lora, Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.blind import Stayed
from fedmedlora.federation.clipping import Limits
from fedmedlora.federation.engine import Engine, Participant, Scope
from fedmedlora.privacy.ckks import new_key
from fedmedlora.privacy.sealed import add_up, shapes_of
from fedmedlora.training.base_models import BaseModel

ROOT = Path(__file__).parents[2]
COHORTS = {name: cohort(name) for name in ("a", "b", "c")} | {"empty": cohort("empty", train=0)}
PLANS = {name: LocalPlan(seed=7, round_index=1, num_rounds=2) for name in COHORTS}
ALL = [Participant(name, (name,)) for name in COHORTS]


def opening(
    base: BaseModel,
    *,
    epochs: int = 1,
    shelf: Shelf | None = None,
    **more: Any,  # noqa: ANN401 -- as `open_local` has it
) -> Any:  # noqa: ANN401 -- travels to a process
    model = Model(base=str(base.folder), window_tokens=40, lora=Lora(rank=4))
    training = Training(num_threads=1, epochs=epochs)
    channels = (*TYPES, "causes")
    return partial(
        open_local, model, training, COHORTS, channels, seed=0, shelf=shelf or MemoryShelf(), **more
    )


@pytest.fixture(scope="module")
def local(bert: BaseModel) -> Engine:
    engine: Engine = opening(bert)()
    return engine


@pytest.fixture(scope="module")
def parallel(bert: BaseModel) -> Iterator[ParallelEngine]:
    engine = ParallelEngine(opening(bert), num_workers=2)
    yield engine
    engine.close()


def trained(engine: Any) -> dict[str, Any]:  # noqa: ANN401 -- either engine
    outcomes = engine.train(ALL, engine.initial(), PLANS)
    return {outcome.participant.name: outcome for outcome in outcomes}


def test_sites_end_in_the_same_bytes_as_in_one_process(
    local: Engine, parallel: ParallelEngine
) -> None:
    here, there = trained(local), trained(parallel)

    assert set(here) == set(there) == set(COHORTS)
    for name, outcome in here.items():
        assert there[name].sent == outcome.sent
    # A site that cannot train says why, wherever it was asked.
    assert "found no label token" in here["empty"].reason
    assert there["empty"].reason == here["empty"].reason


def test_who_took_longest_in_the_round_before_begins_first(
    parallel: ParallelEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = trained(parallel)
    begin, begun = parallel._begun, []

    def noted(work: Any) -> Any:  # noqa: ANN401 -- a partial of it
        begun.append(work.args[1][0].name)
        return begin(work)

    monkeypatch.setattr(parallel, "_begun", noted)
    trained(parallel)

    assert begun == sorted(before, key=lambda name: -before[name].seconds)


def test_whatever_is_asked_is_answered_as_in_one_process(
    local: Engine, parallel: ParallelEngine
) -> None:
    for name in ("base", "num_base_bytes", "dtype"):
        assert getattr(parallel, name) == getattr(local, name)
    adapter = add(local.initial(), trained(local)["a"].sent.delta)
    for ask in (
        lambda engine: engine.losses([(adapter, "b"), (adapter, "c"), (engine.initial(), "b")]),
        lambda engine: engine.token_counts("b").tolist(),
        lambda engine: dict(engine.evaluate(adapter, ["c", "a"], Scope("final", ("ner", "re"), 2))),
        lambda engine: engine.ceiling("c", "dev", limit=1),
        lambda engine: engine.predictions(adapter, "a", "final", limit=1),
        lambda engine: {key: array.tobytes() for key, array in engine.initial().items()},
    ):
        assert ask(parallel) == ask(local)


def test_blind_sites_are_asked_of_any_process(
    bert: BaseModel, local: Engine, tmp_path: Path
) -> None:
    shelf, key = FolderShelf(tmp_path / "shelf"), new_key()
    engine = ParallelEngine(opening(bert, shelf=shelf, blind_key=key), num_workers=2)
    start = local.initial()
    stays = {
        one: replace(plan, limits=Limits(3.0, 1.0)) for one, plan in PLANS.items() if one != "empty"
    }
    outcomes = {o.participant.name: o for o in engine.train(ALL[:3], start, stays)}
    stayed = [Stayed(name, outcomes[name].sent.stays or "") for name in sorted(stays)]  # type: ignore[union-attr]
    sites = engine.blind()
    shares = {"a": 0.2, "b": 0.3, "c": 0.5}

    files = dict(sites.sealed(stayed, start, tmp_path))
    shapes = shapes_of(shelf.get(stayed[0].sha256))
    add_up(tmp_path / "sum", cast("dict[str, Path]", files), shares, shapes=shapes)
    found = dict(sites.opened(tmp_path / "sum", stayed, start))
    told = sites.told("a", found["a"] or "")
    shown = [sites.shown(one) for one in stayed]
    engine.close()

    assert told is not None
    assert set(found) == {"a", "b", "c"}
    assert len(set(found.values())) == 1
    for name in told:
        parts = [
            shares[one.site] * (shown_ or {})[name]
            for one, shown_ in zip(stayed, shown, strict=True)
        ]
        assert np.abs(told[name] - sum(parts)).max() < 1e-6


def test_memory_is_that_of_all_processes(parallel: ParallelEngine, local: Engine) -> None:
    one, all_of_them = local.peak_memory_bytes(), parallel.peak_memory_bytes()

    assert one is not None
    assert all_of_them is not None
    # Each worker holds torch at least.
    assert all_of_them > one + 2 * 50e6


def test_others_go_on_while_an_answer_is_awaited(parallel: ParallelEngine) -> None:
    others: list[str] = []

    def other() -> None:
        with parallel.turn:
            others.append("went on")

    with parallel.turn:
        thread = threading.Thread(target=other)
        thread.start()
        for ask in (
            lambda: parallel.losses([(parallel.initial(), "a")]),
            lambda: dict(parallel.evaluate(parallel.initial(), ["a"], Scope("dev", (), 1))),
        ):
            deadline = time.monotonic() + 30
            while not others and time.monotonic() < deadline:
                ask()
            assert others
            thread.join()
            others.clear()
            thread = threading.Thread(target=other)
            thread.start()
    thread.join()


def test_an_engine_that_is_closed_lets_nobody_wait(bert: BaseModel) -> None:
    engine = ParallelEngine(opening(bert, epochs=100_000), num_workers=1)
    ended: list[str] = []

    def train(names: list[Participant]) -> None:
        try:
            list(engine.train(names, engine.initial(), PLANS))
        except EngineError as error:
            ended.append(str(error))

    # One training is under way, the others are queued behind it.
    threads = [threading.Thread(target=train, args=([one, one],)) for one in ALL[:2]]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    engine.close()
    for thread in threads:
        thread.join(20)

    assert [message.partition(":")[0] for message in ended] == ["engine", "engine"]


def test_an_engine_that_cannot_be_opened_says_why(bert: BaseModel) -> None:
    gone = opening(replace(bert, folder=Path("/no/such/folder")))

    with pytest.raises(ModelError, match="'/no/such/folder': found neither a folder nor a hub"):
        ParallelEngine(gone, num_workers=2)


def test_a_worker_that_is_killed_is_told_and_does_not_hang(bert: BaseModel) -> None:
    engine = ParallelEngine(opening(bert), num_workers=1)
    os.kill(engine._workers[0]._process.pid or 0, signal.SIGKILL)

    with pytest.raises(EngineError, match="found that a worker process has ended"):
        engine.losses([(engine.initial(), "a")])
    engine.close()
    with pytest.raises(EngineError, match="found that a worker process has ended"):
        list(engine.train(ALL, engine.initial(), PLANS))


def test_workers_end_with_the_process_they_work_for_in_the_middle_of_a_training(
    tmp_path: Path,
) -> None:
    tiny_bert(tmp_path / "base")
    with subprocess.Popen(
        [sys.executable, __file__, str(tmp_path / "base")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    ) as process:
        assert process.stdout is not None
        workers = [int(pid) for pid in process.stdout.readline().split()]
        process.kill()

    assert len(workers) == 2
    deadline = time.monotonic() + 30
    while any(_lives(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_is_loaded_before_the_fork_looks_for_no_gpu() -> None:
    # torch itself imports; whatever is imported behind it must not ask it for devices.
    code = """
import sys, torch
def asked(*_, **__):
    raise SystemExit("looked for a GPU")
for name in ("is_available", "device_count", "_lazy_init", "init"):
    setattr(torch.cuda, name, asked)
for name in sys.argv[1:]:
    __import__(name)
"""
    subprocess.run([sys.executable, "-c", code, *PRELOADED], check=True)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def main(folder: str) -> None:
    """Let two workers train for long, say who they are, and wait to be killed."""
    base = BaseModel("tiny", Path(folder), "", 0)
    engine = ParallelEngine(opening(base, epochs=100_000), num_workers=2)
    asked = engine.train(ALL[:2], engine.initial(), PLANS)
    threading.Thread(target=list, args=(asked,), daemon=True).start()
    time.sleep(0.5)
    print(*(worker._process.pid for worker in engine._workers), flush=True)  # noqa: T201
    time.sleep(60)


if __name__ == "__main__":
    main(sys.argv[1])
