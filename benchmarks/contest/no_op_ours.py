"""Rounds between processes in which nobody trains: the two ends that a job of this engine names."""

import importlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from contest.peaks import held_bytes
from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import encode_update
from fedmedlora.engines.nvflare.kits import Roles
from fedmedlora.engines.nvflare.roles import CoordinatorRole, SiteRole
from fedmedlora.engines.nvflare.transport import NvflareTransport
from fedmedlora.engines.remote.answers import Member
from fedmedlora.engines.remote.engine import RemoteEngine
from fedmedlora.engines.remote.holding import Held
from fedmedlora.engines.remote.messages import Message
from fedmedlora.experiment.arms import planned_arms
from fedmedlora.experiment.rounds import run_rounds
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Outcome, Participant
from fedmedlora.tasks.counts import NoteCounts
from fedmedlora.tasks.tally import Tally, tally_to_json

_NUM_TENSORS = 64
_BASE = "0" * 64
_START_S = 60.0


def adapter(num_bytes: int, value: float) -> AdapterWeights:
    """Return an adapter of so many bytes in float32."""
    shape = (num_bytes // 4 // _NUM_TENSORS,)
    names = [f"layer{index:02}.lora_A.weight" for index in range(_NUM_TENSORS)]
    return {name: np.full(shape, value, np.float32) for name in names}


class Idle:
    """What answers at a site that adds one to each value."""

    def __init__(self, kit: Path) -> None:
        """Make ready what it sends."""
        told = json.loads((kit / "local" / "no_op.json").read_text(encoding="utf-8"))
        _hold(told["libraries"])
        self._payload = encode_update(adapter(told["num_bytes"], 1.0), told["codec"])
        self._held = Held(kit / "held", most_values=told["num_bytes"])
        self._held.put(adapter(told["num_bytes"], 0.0))

    def answer(self, question: Message, folder: Path) -> Message:
        """Return an answer that took no work."""
        body = question.body
        if question.subject == "hold":
            taken = self._held.take(body["bundle"], body, question.files)
            return Message(question.subject, {"held": taken})
        if question.subject == "evaluate":
            return Message(question.subject, {"tally": tally_to_json(Tally(1, NoteCounts()))})
        start = self._held.get(body["bundle"])
        path = folder / "update"
        path.write_bytes(self._payload)
        told = {
            "memory": None,
            "num_tokens": 1,
            "loss": 0.0,
            "base": _BASE,
            "start": adapter_digest(start),
            "round_index": body["plan"]["round_index"],
            "seconds": 0.0,
            "attestation": None,
            "privacy": None,
        }
        return Message(question.subject, told, {"update": path})


class IdleSite(SiteRole):
    """A site that does not train."""

    def __init__(self) -> None:
        """Keep how the service is opened."""
        super().__init__(Idle)


class IdleCoordinator(CoordinatorRole):
    """Leads rounds in which nobody trains, and writes down when each began."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Keep where the run lies."""
        super().__init__(_lead, settings)


ROLES = Roles(f"{__name__}.{IdleCoordinator.__name__}", f"{__name__}.{IdleSite.__name__}")


class Own:
    """The coordinator's part of an engine without a model."""

    base = _BASE
    num_base_bytes = 1
    dtype = "float32"

    def __init__(self, num_bytes: int) -> None:
        """Make ready what everybody starts from."""
        self._initial = adapter(num_bytes, 0.0)

    def initial(self) -> AdapterWeights:
        """Return the adapter every arm starts from."""
        return self._initial

    def close(self) -> None:
        """Do nothing."""


class Timed(RemoteEngine):
    """The engine that is measured; remembers when each round began, and what was held then."""

    began: list[float]
    held: list[dict[str, int]]

    def train(
        self,
        participants: Sequence[Participant],
        start: AdapterWeights,
        plans: Mapping[str, LocalPlan],
    ) -> Iterator[Outcome]:
        """Yield each participant's outcome as it arrives."""
        self.note()
        yield from super().train(participants, start, plans)

    def note(self) -> None:
        """Note the moment, and the memory of the server and of this process, its job."""
        self.began.append(time.monotonic())
        self.held.append(
            {"server": held_bytes(os.getppid()), "job at the server": held_bytes(os.getpid())}
        )


def _hold(libraries: Sequence[str]) -> None:
    """Hold what a site that trains holds, too."""
    for name in libraries:
        importlib.import_module(name)


def _lead(transport: NvflareTransport, settings: Mapping[str, Any]) -> None:
    _hold(settings["libraries"])
    deadline = time.monotonic() + _START_S
    while transport.sites() != transport.participants and time.monotonic() < deadline:
        time.sleep(0.1)
    own: Any = Own(settings["num_bytes"])
    idle = Member(np.ones(1, np.int64), NoteCounts(), label_tokens=1)
    members = dict.fromkeys(transport.participants, idle)
    engine = Timed(transport, members, own, here=transport.sites(), answer_s=600.0)
    engine.began, engine.held = [], []
    with RunStore.open(Path(settings["run"]), writable=True) as store:
        experiment = store.experiment()
        sites = [site.name for site in experiment.sites if site.name]
        (arm,) = planned_arms(experiment, training_sites=sites, new_sites=())
        run_rounds(arm, experiment, engine, store, shifts={})
    engine.note()
    seconds = [after - before for before, after in pairwise(engine.began)]
    found = {"seconds": seconds, "held": engine.held}
    Path(settings["found"]).write_text(json.dumps(found), encoding="utf-8")
