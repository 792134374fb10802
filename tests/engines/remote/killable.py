"""A site in a process of its own that is killed at drawn moments and started again unattended."""

import multiprocessing
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fedmedlora.audit.identity import Identity, open_identity, write_identity
from fedmedlora.engines.remote.attesting import SigningHere
from fedmedlora.engines.remote.messages import Message
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.engines.workers import PRELOADED

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        *PRELOADED,
        "fedmedlora.engines.remote.attesting",
        "fedmedlora.engines.remote.service",
        "transformers.models.bert.modeling_bert",
    ]
)
# What a process is to do is found by its name, wherever pytest was started.
_ROOT = str(Path(__file__).parents[3])
if _ROOT not in sys.path:
    sys.path.append(_ROOT)
_PASSPHRASE = b""
_MOST_QUESTIONS = 12
_SHORTEST_S, _LONGEST_S = 0.001, 0.3


def write_key(folder: Path, name: str, identity: Identity) -> None:
    """Put a site's keys where its process looks for them."""
    write_identity(folder / f"{name}.json", identity, _PASSPHRASE, cost=2)


def site_service(name: str, folder: Path) -> SiteService:
    """Return what answers at a site, from what lies on the disk alone; it signs where it can."""
    store, keys = folder / f"{name}_store", folder / f"{name}.json"
    signing = None
    if keys.exists():
        signing = SigningHere(name, open_identity(keys, _PASSPHRASE), store / "heads")
    return SiteService(name, data=folder / name, store=store, policy=Policy(), signing=signing)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer that was handed in."""

    subject: str
    body: Any


class KilledSite:
    """A service whose process gets SIGKILL in or after one of its next questions, so many times.

    Attributes:
        killed: What it was asked when it was, or "nothing".
        answered: All answers that came.
    """

    def __init__(self, name: str, folder: Path, *, kills: int, rng: random.Random) -> None:
        self.killed: Counter[str] = Counter()
        self.answered: list[Answered] = []
        self._name, self._make = name, partial(site_service, name, folder)
        self._left, self._rng = kills, rng
        self._asked_for = ""
        self._begin()

    def answer(self, question: Message, folder: Path) -> Message:
        """Return the answer of the process.

        Raises:
            ConnectionError: It was killed; the next question finds a new one.
        """
        self._until -= 1
        if self._until == 0 and self._left:
            self._left -= 1
            # Some questions take a millisecond and some a second: each gets its part of the kills.
            delay = _SHORTEST_S * (_LONGEST_S / _SHORTEST_S) ** self._rng.random()
            threading.Timer(delay, self._kill, [self._process]).start()
        self._asked_for = question.subject
        try:
            self._pipe.send((question, folder))
            received: tuple[Message, Exception | None] = self._pipe.recv()
        except (OSError, EOFError) as ended:
            self._begin()
            raise ConnectionError(f"site {self._name}: found its process gone") from ended
        self._asked_for = ""
        answer, error = received
        if error is not None:
            raise error
        self.answered.append(Answered(answer.subject, answer.body))
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()

    def _begin(self) -> None:
        self._until = self._rng.randint(1, _MOST_QUESTIONS)
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(theirs, self._make), daemon=True)
        self._process.start()
        theirs.close()

    def _kill(self, process: multiprocessing.process.BaseProcess) -> None:
        self.killed[self._asked_for or "nothing"] += 1
        process.kill()


def _serve(pipe: Connection, make: Callable[[], SiteService]) -> None:
    service = make()
    while True:
        question, folder = pipe.recv()
        try:
            pipe.send((service.answer(question, folder), None))
        except Exception as error:  # noqa: BLE001 -- raised again where it was asked for
            pipe.send((None, error))
