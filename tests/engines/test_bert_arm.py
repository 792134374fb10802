"""Runs of two tiny sites in which all weights of a tiny BERT are trained beside an adapter."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.test_local import CHANNELS, cohort

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.adapters.weights import AdapterWeights, num_parameters
from fedmedlora.adapters.wire import codecs, num_bytes
from fedmedlora.engines.opening import engine_of, open_whole
from fedmedlora.engines.sources import open_source
from fedmedlora.errors import InputError
from fedmedlora.experiment.baselines import ModelName
from fedmedlora.experiment.config import Experiment, parse_experiment
from fedmedlora.experiment.places import EngineChoice
from fedmedlora.experiment.results import results
from fedmedlora.experiment.run import run
from fedmedlora.experiment.spool import site_seed
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.used_models import bert_model, bert_training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine, Outcome, Participant
from fedmedlora.training.base_models import BaseModel

COHORTS = {"a": cohort("a"), "b": cohort("b", train=3)}
LOSSY = [name for name, codec in codecs().items() if codec.lossy]
EXPERIMENT = """
[experiment]
name = "small"
seed = 3
rounds = 2
quorum = 2
arms = ARMS

[model]
base = "BASE"
window_tokens = 40
lora = { rank = 2, alpha = 4 }

[training]
num_threads = 1
batch_size = 2

[bert]
base = "BASE"

[communication]
codec = "float32"

[evaluation]
round_notes = 1
final_notes = 2
replicates = 20

[[sites]]
path = "a"

[[sites]]
path = "b"
"""


class Crash(Exception):  # noqa: N818 -- what a kill looks like from inside
    """Thrown between the answers of two sites."""


class Watched:
    """An engine that remembers who trained, and is cut off after some answers."""

    def __init__(self, engine: Engine, *, answers: int) -> None:
        self._engine = engine
        self._answers = answers
        self.trained: list[tuple[str, int]] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever an engine has
        return getattr(self._engine, name)

    def train(
        self,
        participants: Sequence[Participant],
        start: AdapterWeights,
        plans: Mapping[str, LocalPlan],
    ) -> Iterator[Outcome]:
        for outcome in self._engine.train(participants, start, plans):
            if len(self.trained) == self._answers:
                raise Crash
            name = outcome.participant.name
            self.trained.append((name, plans[name].round_index))
            yield outcome


def text_of(base: BaseModel, *arms: str) -> str:
    listed = ", ".join(f'"{arm}"' for arm in arms)
    return EXPERIMENT.replace("BASE", str(base.folder)).replace("ARMS", f"[{listed}]")


def parsed(text: str) -> Experiment:
    return parse_experiment(text, name="small.toml", folder=Path("/small"))


@contextmanager
def opened(store: RunStore, name: ModelName, *, workers: int = 1) -> Iterator[Engine]:
    experiment = replace(store.experiment(), engine=EngineChoice(workers=workers))
    with engine_of(name, experiment, COHORTS, CHANNELS, shelf=store.adapters, environ={}) as engine:
        yield engine


def begun(folder: Path, text: str) -> Path:
    """Return a run whose sites are known."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "small.toml"
    file.write_text(text, encoding="utf-8")
    with (
        RunStore.create(folder / "run", experiment_path=file, environment={}) as store,
        opened(store, "own") as engine,
    ):
        run(store.experiment(), engine, store, COHORTS)
    return folder / "run"


def finished(folder: Path, text: str, *, workers: int = 1) -> Path:
    begun_run = begun(folder, text)
    with (
        RunStore.open(begun_run, writable=True) as store,
        opened(store, "bert", workers=workers) as engine,
    ):
        run(store.experiment(), engine, store, COHORTS, model="bert")
    return begun_run


def arm_of(folder: Path, name: str) -> dict[str, Any]:
    with RunStore.open(folder) as store:
        (arm,) = [one for one in results(store)["arms"] if one["name"] == name]
    return dict(arm)


def adapters(folder: Path) -> list[str]:
    """Return the digests of all that a run keeps."""
    return sorted(path.name for path in (folder / "adapters").iterdir())


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, bert: BaseModel) -> Path:
    return finished(tmp_path_factory.mktemp("both"), text_of(bert, "fed_medlora", "bert"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, bert: BaseModel) -> Path:
    return finished(tmp_path_factory.mktemp("alone"), text_of(bert, "bert"))


def whole_engine(text: str) -> Engine:
    settings = parsed(text)
    model, training = bert_model(settings), bert_training(settings)
    return open_whole(model, training, COHORTS, CHANNELS, seed=settings.seed, shelf=MemoryShelf())


def test_every_weight_travels_up_and_down_and_is_counted(both: Path, bert: BaseModel) -> None:
    weights = whole_engine(text_of(bert, "bert")).initial()
    # As in test_whole_model, and a head of 3 channels of 3 tags, each of 32 and a bias.
    assert num_parameters(weights) == 2784 + 2 * 8544 + 9 * 33

    expected = num_bytes(weights, "float32")
    assert expected > 4 * num_parameters(weights)
    for one in arm_of(both, "bert")["rounds"]:
        assert one["bytes_up"] == one["bytes_down"] == {"a": expected, "b": expected}


def test_the_adapter_beside_it_is_counted_by_itself(both: Path) -> None:
    whole, adapter = (arm_of(both, name)["rounds"][0] for name in ("bert", "fed_medlora"))

    # Rank 2 on 6 linear layers of each of 2: (4 * 64 + 96 + 96) * 2 factors, and the head's 297.
    assert adapter["bytes_up"]["a"] > 4 * (2 * 2 * (4 * 64 + 96 + 96) + 297)
    assert adapter["bytes_up"]["a"] < whole["bytes_up"]["a"] / 4


def test_a_round_ends_in_the_mean_of_the_sites_weights_by_their_tokens(
    alone: Path, bert: BaseModel
) -> None:
    engine = whole_engine(text_of(bert, "bert"))
    start = engine.initial()
    plans = {site: LocalPlan(site_seed(3, site, 1), 1, 2) for site in COHORTS}
    everyone = [Participant(site, (site,)) for site in COHORTS]
    sent = {one.participant.name: one.sent for one in engine.train(everyone, start, plans)}
    a, b = (sent[site] for site in ("a", "b"))
    assert a is not None
    assert b is not None

    with RunStore.open(alone) as store:
        ended = dict(store.adapters.get(store.rounds("bert")[0]["adapter"]))

    # Two notes of five tokens here and three there, each read for mentions and for two heads.
    assert (a.num_tokens, b.num_tokens) == (2 * 3 * 5, 3 * 3 * 5)
    for name, weight in start.items():
        mean = weight + 0.4 * a.delta[name] + 0.6 * b.delta[name]
        # Rounded a few times on the way, to 24 bits each time.
        np.testing.assert_allclose(ended[name], mean, rtol=3e-7, atol=1e-7)
        assert not np.array_equal(ended[name], weight)


def test_the_same_seed_ends_in_the_same_bytes_and_another_does_not(
    alone: Path, bert: BaseModel, tmp_path: Path
) -> None:
    text = text_of(bert, "bert")

    again = finished(tmp_path / "again", text)
    other = finished(tmp_path / "other", text.replace("seed = 3", "seed = 4"))

    assert adapters(again) == adapters(alone)
    assert not {*adapters(other)} & {*adapters(alone)}


def test_two_processes_end_in_the_same_bytes(alone: Path, bert: BaseModel, tmp_path: Path) -> None:
    by_two = finished(tmp_path, text_of(bert, "bert"), workers=2)

    assert adapters(by_two) == adapters(alone)


def test_a_run_cut_off_between_two_sites_ends_in_the_same_bytes(
    alone: Path, bert: BaseModel, tmp_path: Path
) -> None:
    folder = begun(tmp_path, text_of(bert, "bert"))
    trained = []
    # Both sites in the first round and one in the second, then nobody any more.
    for answers, cut_off in ((3, True), (9, False)):
        with RunStore.open(folder, writable=True) as store, opened(store, "bert") as engine:
            watched: Any = Watched(engine, answers=answers)
            with pytest.raises(Crash) if cut_off else nullcontext():
                run(store.experiment(), watched, store, COHORTS, model="bert")
            trained.append(watched.trained)

    assert trained == [[("a", 1), ("b", 1), ("a", 2)], [("b", 2)]]
    assert adapters(folder) == adapters(alone)


@pytest.mark.parametrize("codec", LOSSY)
def test_it_travels_in_any_codec(codec: str, bert: BaseModel, tmp_path: Path) -> None:
    text = text_of(bert, "bert").replace('"float32"', f'"{codec}"')

    rounds = arm_of(finished(tmp_path, text), "bert")["rounds"]

    weights = whole_engine(text).initial()
    expected = num_bytes(weights, codec)
    assert [one["bytes_up"] for one in rounds] == [{"a": expected, "b": expected}] * 2
    assert [one["absences"] for one in rounds] == [[], []]
    # Half of it at most, but for the names.
    assert expected < 0.6 * num_bytes(weights, "float32")


def test_its_weights_are_no_adapter_to_extract_with(both: Path) -> None:
    with pytest.raises(InputError, match=r"--arm: found bert, which is more than an adapter"):
        open_source(both, arm="bert")


def test_what_it_rests_on_is_told_beside_the_experiment_s_own(both: Path, bert: BaseModel) -> None:
    with RunStore.open(both) as store:
        models = store.meta("models")

    assert models["bert"]["base"] == models["own"]["base"] == bert.digest
    assert models["bert"]["adapter_bytes"] == 4 * (2784 + 2 * 8544 + 9 * 33)
