"""Services that go wrong when a test says so, and what a run between them came to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engines.remote.loopback import Loopback

from fedmedlora.engines.remote.coordinating import is_complete
from fedmedlora.engines.remote.messages import Message, Service
from fedmedlora.errors import TrainingError
from fedmedlora.experiment.store import RunStore

Change = Callable[[Message], Message]


@dataclass
class Spoiling:
    """A service whose answers to one subject are changed from some question on, until another."""

    service: Service
    subject: str
    change: Change
    after: int = 0
    until: int = 1000
    asked: int = 0

    def answer(self, question: Message, folder: Path) -> Message:
        answer = self.service.answer(question, folder)
        if question.subject != self.subject:
            return answer
        self.asked += 1
        return self.change(answer) if self.after < self.asked <= self.until else answer


def wire(tmp_path: Path, services: Mapping[str, Service]) -> Loopback:
    folder = tmp_path / "wire"
    folder.mkdir(exist_ok=True)
    return Loopback(dict(services), folder)


def rounds_of(run: Path, arm: str = "fed_medlora") -> list[dict[str, Any]]:
    with RunStore.open(run) as store:
        return [{**one, "seconds": 0} for one in store.rounds(arm)]


def failing(_: Message) -> Message:
    raise TrainingError("found too little memory, expected more")


def end_after_a_round(transport: Loopback) -> None:
    """Have the session end at the boundary after heart has trained for the first time."""

    def end(answer: Message) -> Message:
        transport.ending = True
        return answer

    heart = transport.services["heart"]
    transport.services = {**transport.services, "heart": Spoiling(heart, "train", end)}


def complete(run: Path) -> bool:
    with RunStore.open(run) as store:
        return is_complete(store.experiment(), store)
