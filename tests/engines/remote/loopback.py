"""A transport between objects of one process; what goes wrong is said by the tests."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from fedmedlora.engines.remote.messages import Failure, Grace, Message, Service
from fedmedlora.errors import FedMedLoRAError


@dataclass
class Loopback:
    """Sites by name, and where their files go on the way.

    Attributes:
        away: Sites that do not answer.
        ending: Whether somebody waits for the end.
        asked: (site, subject, files) of every question, in order.
        at_once: (subjects, sites) of all that were asked at once, in order.
    """

    services: Mapping[str, Service]
    folder: Path
    away: set[str] = field(default_factory=set)
    ending: bool = False
    asked: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    at_once: list[tuple[set[str], set[str]]] = field(default_factory=list)
    number: Iterator[int] = field(default_factory=count)

    def sites(self) -> frozenset[str]:
        return frozenset(self.services.keys() - self.away)

    def is_to_end(self) -> bool:
        return self.ending

    def ask(
        self,
        questions: Mapping[str, Message],
        *,
        wait_s: float,
        most_bytes: int,
        grace: Grace | None = None,
    ) -> Iterator[tuple[str, Message | Failure]]:
        del wait_s, grace
        self.at_once.append(({each.subject for each in questions.values()}, set(questions)))
        # Whoever is first here must not matter there.
        for site in sorted(questions, reverse=True):
            question = self._travelled(questions[site])
            self.asked.append((site, question.subject, tuple(sorted(question.files))))
            if site in self.away:
                yield (
                    site,
                    Failure(f"site {site}: found no connection, expected an answer", lost=True),
                )
                continue
            room = self.folder / f"room{next(self.number)}"
            room.mkdir()
            try:
                reply = self._travelled(self.services[site].answer(question, room))
            except FedMedLoRAError as error:
                yield site, Failure(str(error))
                continue
            shutil.rmtree(room)
            size = sum(path.stat().st_size for path in reply.files.values())
            yield site, Failure("too large") if size > most_bytes else reply

    def _travelled(self, message: Message) -> Message:
        files = {}
        for name, path in message.files.items():
            files[name] = self.folder / f"file{next(self.number)}"
            shutil.copyfile(path, files[name])
        return Message(message.subject, json.loads(json.dumps(message.body)), files)
