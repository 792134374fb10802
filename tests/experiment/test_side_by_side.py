import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.experiment.fakes import FakeEngine, toml

from fedmedlora.errors import StoreError
from fedmedlora.experiment.arms import Arm, planned_arms
from fedmedlora.experiment.config import parse_experiment
from fedmedlora.experiment.side_by_side import side_by_side

EXPERIMENT = parse_experiment(toml(("zero_shot",)), name="test", folder=Path("/"))
(ARM,) = planned_arms(EXPERIMENT, training_sites=(), new_sites=())


def arms(*names: str, **starts: str) -> list[Arm]:
    return [replace(ARM, name=name, start=starts.get(name)) for name in names]


def test_one_worker_does_them_in_order_in_this_thread() -> None:
    begun: list[tuple[str, int]] = []

    side_by_side(
        arms("a", "b", "c"),
        lambda arm: begun.append((arm.name, threading.get_ident())),
        FakeEngine(),
    )

    here = threading.get_ident()
    assert begun == [("a", here), ("b", here), ("c", here)]


def test_two_arms_are_under_way_while_each_waits_for_the_engine() -> None:
    engine = FakeEngine(num_workers=2)
    both = threading.Barrier(2, timeout=10)

    def attempt(_: Arm) -> None:
        with engine.turn.given_up():
            # Passed only when the other is here too.
            both.wait()

    side_by_side(arms("a", "b"), attempt, engine)

    assert not both.broken


def test_an_arm_waits_for_the_one_it_starts_from() -> None:
    engine = FakeEngine(num_workers=3, pause_s=0.05)
    ended: list[str] = []

    def attempt(arm: Arm) -> None:
        if arm.name == "slow":
            engine.initial()
        ended.append(arm.name)

    side_by_side(arms("slow", "after", "free", after="slow"), attempt, engine)

    assert ended.index("slow") < ended.index("after")
    assert ended[0] == "free"


@pytest.mark.parametrize("error", [StoreError("disk"), KeyboardInterrupt()])
def test_an_error_ends_all_and_closes_the_engine(error: BaseException) -> None:
    engine = FakeEngine(num_workers=2, pause_s=0.01)
    begun: list[str] = []

    def attempt(arm: Arm) -> None:
        begun.append(arm.name)
        if arm.name == "a":
            raise error
        while True:
            engine.initial()

    with pytest.raises(type(error)):
        side_by_side(arms("a", "b", "c", "d", "e"), attempt, engine)

    assert engine.closed
    assert len(begun) < 5


def test_an_arm_whose_start_ended_in_an_error_does_not_begin() -> None:
    engine = FakeEngine(num_workers=2)
    begun: list[str] = []

    def attempt(arm: Arm) -> None:
        begun.append(arm.name)
        raise StoreError("disk")

    with pytest.raises(StoreError):
        side_by_side(arms("first", "after", after="first"), attempt, engine)

    assert begun == ["first"]
