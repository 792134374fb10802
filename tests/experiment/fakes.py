"""An engine of two tiny tensors whose every figure can be worked out by hand.

Training adds 1 to every value of A, so that A says how many rounds an adapter has seen; it adds a
site's own lean to B, and in every later value something that depends on the seed alone.

    F1 of NER on dev or final notes   curves[site][rounds seen] / 10, the last one from there on
    loss                              B[0, 0] + the offset of the place whose notes are read
"""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.federation.learners import Learner

from fedmedlora.adapters.shelves import MemoryShelf, Shelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import encode_update
from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.engines.blind import BlindHere
from fedmedlora.errors import EngineError, ModelError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.evaluation.intervals import draws, tally
from fedmedlora.experiment.config import Experiment, parse_experiment
from fedmedlora.experiment.run import run
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan, Steering, Trained
from fedmedlora.federation.blind import BlindSites
from fedmedlora.federation.broadcast import News
from fedmedlora.federation.engine import NOTHING_KEPT, SERVER, Outcome, Participant, Scope
from fedmedlora.federation.site_round import read_with, site_round
from fedmedlora.federation.turns import Turn
from fedmedlora.privacy.ckks import Key
from fedmedlora.sites import SiteRole
from fedmedlora.tasks.counts import Counts, NoteCounts, Part, PartCounts
from fedmedlora.tasks.scoring import PARTS
from fedmedlora.tasks.tally import Tally

A, B = "q.lora_A.weight", "q.lora_B.weight"
SHAPES = {A: (2, 3), B: (3, 2)}
TOKENS = {"bones": 100, "heart": 300, "lungs": 600, "skin": 50, "centralised": 1000}
LEANS = {"bones": 0.25, "heart": 0.5, "lungs": 1.0, "skin": 2.0, "centralised": 0.75}
OFFSETS = {SERVER: 0.0, "bones": 1.0, "heart": 2.0, "lungs": 4.0, "skin": 8.0}
WORDS = {"bones": (6, 2, 0), "heart": (4, 4, 0), "lungs": (0, 4, 4), "skin": (1, 1, 6)}
RISING = (0, 2, 4, 6, 7, 8)

EXPERIMENT = """
[experiment]
name = "fake"
seed = 3
rounds = 3
patience = 2
quorum = 2
new_site_rounds = 2
arms = ARMS

[model]
base = "minilm"

[aggregation]
validation = "server"
max_share = 1.0

[evaluation]
round_notes = 2
final_notes = 2
replicates = 20
drawn_notes = 3
"""
EVERY_ARM = (
    "zero_shot",
    "single_site",
    "centralised",
    "fed_medlora",
    "fed_medlora_plus",
    "local_only",
    "adapted",
    "joined",
)
SITES: tuple[tuple[str, SiteRole], ...] = (
    ("heart", "train"),
    ("bones", "train"),
    ("lungs", "train"),
    ("checks", "server"),
    ("nerves", "external"),
    ("skin", "new_site"),
)

Arrays = dict[str, NDArray[np.float32]]
Spoil = Callable[[Arrays], Mapping[str, NDArray[Any]]]


class Crash(Exception):  # noqa: N818 -- what a kill looks like from inside
    """Thrown in the middle of an engine's work."""


@dataclass
class FakeEngine:
    """See the module.

    Attributes:
        failing: (participant, round) to the reason why it does not train.
        silent: (participant, round) that never answer.
        spoilt: Participant to what happens to the adapter it sends in round 1.
        claims: Participant to what it says it trained with in round 1, where it is not so.
        ceilings: What of ten entities and ten relations can be expressed.
        crash_at: Which step of the engine throws, counted from 1; 0 for none.
        asked: (participant, round) of every training, in order.
        read: (site, split) of every evaluation, in order.
        finds: (site, split) to its entities by bin of confidence, where these are asked for.
        spending: What reading has taken; grows with every evaluation where it holds anything.
        delivered: (before, after, bytes) of what every round changed.
        shelf: Where sites keep what does not travel.
        blind_key: What they encrypt with where the server sees the sum alone.
    """

    curves: Mapping[str, Sequence[int]] = field(default_factory=dict)
    failing: Mapping[tuple[str, int], str] = field(default_factory=dict)
    silent: Sequence[tuple[str, int]] = ()
    spoilt: Mapping[str, Spoil] = field(default_factory=dict)
    claims: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training_loss: float = 0.1
    crash_at: int = 0
    ceilings: tuple[int, int] = (9, 8)
    say_steps: bool = False
    base: str = "b" * 64
    num_base_bytes: int = 4800
    dtype: str = "float32"
    num_workers: int = 1
    turn: Turn = field(default_factory=Turn)
    pause_s: float = 0.0
    closed: bool = False
    steps: int = 0
    asked: list[tuple[str, int]] = field(default_factory=list)
    read: list[tuple[str, str]] = field(default_factory=list)
    finds: Mapping[tuple[str, str], Sequence[tuple[int, int]]] = field(default_factory=dict)
    spending: dict[str, int] = field(default_factory=dict)
    delivered: list[tuple[str, str, int]] = field(default_factory=list)
    shelf: Shelf = field(default_factory=MemoryShelf)
    blind_key: Key | None = None

    def close(self) -> None:
        self.closed = True

    def peak_memory_bytes(self) -> int | None:
        return 1000

    def initial(self) -> AdapterWeights:
        self._step()
        return {A: np.zeros((2, 3), np.float32), B: np.zeros((3, 2), np.float32)}

    def train(
        self,
        participants: Sequence[Participant],
        start: AdapterWeights,
        plans: Mapping[str, LocalPlan],
    ) -> Iterator[Outcome]:
        for participant in participants:
            self._step()
            asked = (participant.name, plans[participant.name].round_index)
            if asked in self.silent:
                continue
            if reason := self.failing.get(asked):
                yield Outcome(participant, None, reason, 0.5)
                continue
            self.asked.append(asked)
            learner = fake_learner(self.base, participant.name, self.training_loss)
            sent = site_round(learner, start, [], plans[participant.name], self.shelf)
            spoil = self.spoilt.get(participant.name) if asked[1] == 1 else None
            codec = plans[participant.name].codec
            payload = encode_update(spoil(dict(sent.delta)), codec) if spoil else sent.payload
            claim = self.claims.get(participant.name, {}) if asked[1] == 1 else {}
            yield Outcome(participant, replace(sent, **{"payload": payload, **claim}), "", 0.5)

    def losses(self, questions: Sequence[tuple[AdapterWeights, str]]) -> list[float]:
        return [self._loss(adapter, place) for adapter, place in questions]

    def _loss(self, adapter: AdapterWeights, place: str) -> float:
        self._step()
        return float(adapter[B][0, 0]) + OFFSETS[place]

    def token_counts(self, site: str) -> NDArray[np.int64]:
        self._step()
        return np.array(WORDS[site], dtype=np.int64)

    def label_tokens(self, site: str) -> int:
        self._step()
        return TOKENS[site]

    def deliver(self, news: News, *, before: str, after: str) -> None:
        self.delivered.append((before, after, news.num_bytes))

    def evaluate(
        self,
        bundle: AdapterWeights,
        sites: Sequence[str],
        scope: Scope,
        *,
        memories: Mapping[str, str] = NOTHING_KEPT,
    ) -> Iterator[tuple[str, Tally]]:
        for site in sites:
            memory = self.shelf.get(memories[site]) if site in memories else {}
            yield site, self._scored(read_with(bundle, memory), site, scope)

    def _scored(self, adapter: AdapterWeights, site: str, scope: Scope) -> Tally:
        self._step()
        self.read.append((site, scope.split))
        # The first evaluation takes one more of each thing, the second two more.
        self.spending = {name: told + len(self.read) for name, told in self.spending.items()}
        if {name: adapter[name].shape for name in adapter if "/" not in name} != SHAPES:
            raise ModelError(f"{site}: found an adapter of other tensors, expected the model's")
        curve = self.curves.get(site, RISING)
        right = curve[min(round(float(adapter[A].mean())), len(curve) - 1)]
        found = _counts(right) if right else _missed()
        note = NoteCounts(dict.fromkeys(PARTS if "re" in scope.parts else ("ner",), found))
        drawn = draws({site: scope.limit}, replicates=scope.replicates, seed=scope.seed)
        told = self.finds.get((site, scope.split)) if scope.confidence_bins else None
        bins: dict[Part, NDArray[np.int64]] = {"ner": np.array(told)} if told else {}
        return tally([note] * scope.limit, drawn[site], bins)

    def blind(self) -> BlindSites:
        return BlindHere(self.shelf, self.blind_key, lambda adapter: self._loss(adapter, SERVER))

    def spent(self) -> Mapping[str, int]:
        return self.spending

    def shown(self, site: str, number: int) -> Mapping[str, int]:
        return {"windows": number - 1, "heads": len(site)}

    def ceiling(self, site: str, split: str, *, limit: int) -> NoteCounts:
        del site, split
        self._step()
        entities, relations = self.ceilings
        counts = NoteCounts({"ner": _counts(entities), "re_gold": _counts(relations)})
        return sum([counts] * limit, NoteCounts())

    def predictions(
        self, bundle: AdapterWeights, site: str, split: str, *, limit: int
    ) -> list[dict[str, object]]:
        del split, limit
        self._step()
        return [{"site": site, "note_id": "n1", "text": f"seen {float(bundle[A].mean())}"}]

    def _step(self) -> None:
        with self.turn.given_up():
            # With one worker nobody else is there to go on meanwhile.
            time.sleep(self.pause_s)
        if self.closed:
            raise EngineError("engine: found it closed, expected an answer")
        self.steps += 1
        if self.say_steps:
            print(self.steps, flush=True)  # noqa: T201 -- whoever kills us waits for it
        if self.steps == self.crash_at:
            raise Crash


def fake_learner(digest: str, name: str, training_loss: float) -> Learner:
    """Return what trains at a participant; its gradients are what it adds, negated."""

    def train(
        start: AdapterWeights, examples: Sequence[Any], plan: LocalPlan, steering: Steering
    ) -> Trained:
        del examples
        rng = np.random.default_rng(plan.seed)
        seeded = (rng.standard_normal((3, 2), np.float32) / 100).astype(np.float32)
        seeded[0, 0] = LEANS[name]
        added: Arrays = {A: np.ones((2, 3), np.float32), B: seeded}
        moved = {n: np.add(start[n], added[n], dtype=np.float32) for n in added}
        adapter = {n: start[n] if n in steering.frozen else moved[n] for n in added}
        gradient = {n: -array for n, array in added.items()}
        return Trained(adapter, TOKENS[name], training_loss, gradient)

    return Learner(train, digest)


def _counts(right: int) -> PartCounts:
    # F1 = 2 right / (2 right + 2 (10 - right)) = right / 10
    counts = Counts(right, 10 - right, 10 - right)
    return PartCounts({"problem": counts}, counts)


def _missed() -> PartCounts:
    return PartCounts({"problem": Counts(0, 0, 10)}, Counts(0, 0, 10))


def cohorts(sites: Sequence[tuple[str, SiteRole]] = SITES) -> dict[str, Cohort]:
    labels = Labels(("problem",), ("severity",))
    return {
        name: Cohort(
            name=name,
            role=role,
            labels=labels,
            public=name in ("heart", "nerves"),
            train=(Note("t1", name, "Pain.", (), ()),),
            held_out=(),
            dev=(Note("d1", name, "Pain.", (), ()),),
            final=(Note("f1", name, "Pain.", (), ()),),
            final_split="test",
            sha256=name.ljust(64, "0"),
        )
        for name, role in sites
    }


def toml(
    arms: Sequence[str] = EVERY_ARM,
    sites: Sequence[tuple[str, SiteRole]] = SITES,
    /,
    **settings: float | str,
) -> str:
    text = EXPERIMENT.replace("ARMS", json.dumps(arms))
    for key, value in settings.items():
        text = re.sub(f"^{key} = .*$", f"{key} = {json.dumps(value)}", text, flags=re.MULTILINE)
    return text + "".join(f'[[sites]]\npath = "{n}"\nrole = "{role}"\n' for n, role in sites)


def experiment(text: str) -> Experiment:
    return parse_experiment(text, name="fake.toml", folder=Path("/fake"))


def new_store(folder: Path, text: str) -> RunStore:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "fake.toml"
    file.write_text(text, encoding="utf-8")
    return RunStore.create(folder / "run", experiment_path=file, environment={})


def main(folder: Path) -> None:
    """Go on with the run in a folder, saying every step."""
    with RunStore.open(folder, writable=True) as store:
        run(store.experiment(), FakeEngine(say_steps=True), store, cohorts())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
