"""What the tests let run in NVFLARE's processes: echoes, and what goes wrong."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.full_disk import files_of_at_most

from fedmedlora.durable_files import write_whole
from fedmedlora.engines.nvflare.roles import CoordinatorRole, SiteRole
from fedmedlora.engines.nvflare.transport import NvflareTransport
from fedmedlora.engines.remote.messages import Failure, Grace, Message
from fedmedlora.errors import EngineError, TrainingError

SENTINEL = "Mrs Sentinel has a rash"


class Echo:
    def __init__(self, kit: Path) -> None:
        self.kit = kit
        self.num_answered = 0

    def answer(self, question: Message, folder: Path) -> Message:
        self.num_answered += 1
        body = {**question.body, "answered": self.num_answered}
        files = dict(question.files)
        match question.subject:
            case "fail":
                raise TrainingError("the loss is not a number")
            case "crash":
                raise KeyError(SENTINEL)
            case "sleep":
                (self.kit / "busy").touch()
                time.sleep(question.body["s"])
            case "big":
                files["big"] = folder / "big"
                files["big"].write_bytes(bytes(question.body["bytes"]))
            case "no_json":
                body["loss"] = float("nan")
        return Message(question.subject, body, files)


class EchoSite(SiteRole):
    def __init__(self) -> None:
        super().__init__(Echo, pulse_s=0.5)


def lead(transport: NvflareTransport, settings: Mapping[str, Any]) -> None:
    """Ask what a test has written down, and write down what came of it."""
    desk = Path(settings["desk"])
    number = 0
    told: frozenset[str] | None = None
    while not transport.is_to_end():
        if transport.sites() != told:
            told = transport.sites()
            write_whole(desk / "ready.json", json.dumps(sorted(told)).encode(), flushed=False)
        order = desk / f"{number}.json"
        if (desk / "fail").exists():
            raise EngineError("coordinator: found trouble, expected none")
        if (desk / "full").exists():
            with files_of_at_most(1):
                (desk / "file").write_bytes(b"ab")
        if not order.exists():
            time.sleep(0.02)
            continue
        came = answers(transport, **json.loads(order.read_bytes()))
        write_whole(desk / f"{number}.told.json", json.dumps(came).encode(), flushed=False)
        number += 1


def answers(
    transport: NvflareTransport,
    *,
    questions: dict[str, dict[str, Any]],
    wait_s: float,
    most_bytes: int,
    grace: list[float] | None,
    patience_s: float,
) -> dict[str, Any]:
    began = time.monotonic()
    messages = {
        site: Message(each["subject"], each["body"], {n: Path(p) for n, p in each["files"].items()})
        for site, each in questions.items()
    }
    came: dict[str, Any] = {}
    stragglers = None if grace is None else Grace(int(grace[0]), grace[1])
    transport.wait_for(messages, wait_s=patience_s)
    asking = transport.ask(messages, wait_s=wait_s, most_bytes=most_bytes, grace=stragglers)
    for site, answer in asking:
        came[site] = {"after_s": time.monotonic() - began}
        if isinstance(answer, Failure):
            came[site]["failure"] = answer.reason
        else:
            came[site]["body"] = dict(answer.body)
            came[site]["files"] = {name: str(path) for name, path in answer.files.items()}
    return came


class Lead(CoordinatorRole):
    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(lead, settings, silence_s=3)
