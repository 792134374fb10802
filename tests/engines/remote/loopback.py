"""A transport between objects of one process; what goes wrong is said by the tests."""

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

from fedmedlora.engines.remote.messages import Failure, Grace, Message, Service
from fedmedlora.errors import FedMedLoRAError


@dataclass
class Loopback:
    """Sites by name, and where their files go on the way.

    Attributes:
        away: Sites that do not answer.
        late: Sites at work on what was given up, until they are waited for.
        ending: Whether somebody waits for the end.
        asked: (site, subject, files) of every question, in order.
        at_once: (subjects, sites) of all that were asked at once, in order.
        refused: (site, subject) of every answer that was too large.
        came: Where the files of answers were put.
        graces: Of every time that sites were asked to train.
    """

    services: Mapping[str, Service]
    folder: Path
    away: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    ending: bool = False
    asked: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    at_once: list[tuple[set[str], set[str]]] = field(default_factory=list)
    graces: list[Grace | None] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    came: list[Path] = field(default_factory=list)
    number: Iterator[int] = field(default_factory=count)

    def sites(self) -> frozenset[str]:
        return frozenset(self.services.keys() - self.away - self.late)

    def wait_for(self, sites: Collection[str], *, wait_s: float) -> None:
        del wait_s
        self.late.difference_update(sites)

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
        del wait_s
        if any(each.subject == "train" for each in questions.values()):
            self.graces.append(grace)
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
            if site in self.late:
                yield site, Failure(f"site {site}: found it at work, expected it to be ready")
                continue
            room = Path(mkdtemp(dir=self.folder))
            try:
                reply = self._travelled(self.services[site].answer(question, room))
            except FedMedLoRAError as error:
                yield site, Failure(str(error))
                continue
            except ConnectionError as error:
                yield site, Failure(str(error), lost=True)
                continue
            shutil.rmtree(room)
            size = sum(path.stat().st_size for path in reply.files.values())
            if size > most_bytes:
                self.refused.append((site, question.subject))
                yield (
                    site,
                    Failure(
                        f"site {site}: found too large an answer, expected less", code="too_large"
                    ),
                )
                continue
            self.came += reply.files.values()
            yield site, reply

    def _travelled(self, message: Message) -> Message:
        files = {}
        for name, path in message.files.items():
            files[name] = self.folder / f"file{next(self.number)}"
            shutil.copyfile(path, files[name])
        return Message(message.subject, json.loads(json.dumps(message.body)), files)
