import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.experiment.fakes import FakeEngine, cohorts, experiment, new_store, toml
from tests.training.tiny_models import TYPES, tiny_bert

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.engines.exporting import export_peft
from fedmedlora.engines.extracting import reader
from fedmedlora.engines.opening import open_local
from fedmedlora.engines.sources import Source, open_source
from fedmedlora.errors import InputError, ModelError
from fedmedlora.evaluation.calibration import Calibration
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.run import run
from fedmedlora.experiment.schema import Lora, Model, Training
from fedmedlora.federation.engine import Scope
from fedmedlora.formats.texts import Text
from fedmedlora.training.base_models import BaseModel, find_base_model

NOTE = Note("n1", "a", "severe chest pain , no fever . aspirin 5 mg", (), ())
COHORT = Cohort("a", "external", Labels(TYPES, ()), False, (), (), (), (NOTE,), "test", "a" * 64)


@pytest.fixture
def source(bert: BaseModel) -> Source:
    model = Model(
        base=str(bert.folder),
        window_tokens=40,
        lora=Lora(rank=4, target_modules=("query", "value")),
    )
    training = Training(num_threads=1)
    engine = open_local(model, training, {}, TYPES, seed=3, shelf=MemoryShelf())
    rng = np.random.default_rng(0)
    adapter = {
        name: rng.normal(size=array.shape).astype(np.float32)
        for name, array in engine.initial().items()
    }
    return Source(adapter, "plus of demo, round 2", engine.base, model, training, TYPES, 3, "here")


def test_an_exported_adapter_comes_back_as_it_was(source: Source, tmp_path: Path) -> None:
    export_peft(source, tmp_path / "adapter", card="")

    found = open_source(tmp_path / "adapter", arm=None)

    assert (found.base_digest, found.types, found.seed) == (source.base_digest, TYPES, 3)
    assert (found.model, found.training) == (source.model, source.training)
    assert all(np.array_equal(found.adapter[name], source.adapter[name]) for name in source.adapter)


def test_an_adapter_that_came_back_finds_the_same(source: Source, tmp_path: Path) -> None:
    export_peft(source, tmp_path / "adapter", card="")
    found = open_source(tmp_path / "adapter", arm=None)

    scope = Scope("final", ("ner",), 1)
    tallies = [
        dict(one.engine({"a": COHORT}).evaluate(one.adapter, ["a"], scope))["a"]
        for one in (source, found)
    ]

    assert tallies[0] == tallies[1]
    assert tallies[0].total.part("ner").matched("strict").fp > 0  # a random adapter finds something


def test_what_it_learnt_of_its_confidence_comes_along(source: Source, tmp_path: Path) -> None:
    own = Calibration(ner=(0.0, 0.25, 1.0))

    export_peft(replace(source, calibration=own), tmp_path / "adapter", card="")
    export_peft(source, tmp_path / "bare", card="")

    assert open_source(tmp_path / "adapter", arm=None).calibration == own
    assert open_source(tmp_path / "bare", arm=None).calibration == Calibration()


def test_an_adapter_folder_from_before_there_was_confidence_has_none(
    source: Source, tmp_path: Path
) -> None:
    export_peft(source, tmp_path / "adapter", card="")
    path = tmp_path / "adapter" / "fedmedlora.json"
    facts = json.loads(path.read_text("utf-8"))
    del facts["calibration"]
    path.write_text(json.dumps(facts), "utf-8")

    assert open_source(tmp_path / "adapter", arm=None).calibration == Calibration()


@pytest.mark.parametrize(
    ("own", "expected"), [(Calibration(ner=(0.25,)), {0.25}), (Calibration(re=(0.5,)), {None})]
)
def test_what_is_read_has_the_confidence_that_it_learnt(
    source: Source, own: Calibration, expected: set[float | None]
) -> None:
    [note] = reader(replace(source, calibration=own))([Text("n1", NOTE.text)])

    # A random adapter finds something; the model has no relations.
    assert {entity.confidence for entity in note.entities} == expected


def test_the_arm_of_a_run_brings_its_own(tmp_path: Path) -> None:
    text = toml(("fed_medlora",), rounds=1)
    bins = [(0, 0)] * 63 + [(60, 45)]
    with new_store(tmp_path, text) as store:
        run(experiment(text), FakeEngine(finds={("heart", "dev"): bins}), store, cohorts())
        store.put_meta("types", TYPES)

    assert open_source(tmp_path / "run", arm=None).calibration.ner == (0.75,) * 64


def test_an_adapter_trained_on_may_take_the_place_of_the_source_s(
    source: Source, tmp_path: Path
) -> None:
    further = {name: array + 1 for name, array in source.adapter.items()}

    export_peft(replace(source, adapter=further), tmp_path / "adapter", card="")

    weights = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert all(np.array_equal(weights[name], further[name]) for name in further)


def test_another_base_is_refused(source: Source, tmp_path: Path) -> None:
    export_peft(source, tmp_path / "adapter", card="")
    base = tiny_bert(tmp_path / "base")
    weights = load_file(base.folder / "model.safetensors")
    weights["embeddings.LayerNorm.bias"] += 1
    save_file(weights, base.folder / "model.safetensors", metadata={"format": "pt"})
    facts = json.loads((tmp_path / "adapter" / "fedmedlora.json").read_text("utf-8"))
    facts["model"]["base"] = str(base.folder)
    (tmp_path / "adapter" / "fedmedlora.json").write_text(json.dumps(facts), "utf-8")
    found = find_base_model(str(base.folder)).digest

    with pytest.raises(ModelError, match=f"found sha256 {found}, expected {source.base_digest}"):
        open_source(tmp_path / "adapter", arm=None).engine({})


def test_nothing_is_exported_for_another_base(source: Source, tmp_path: Path) -> None:
    other = replace(source, base_digest="0" * 64)

    with pytest.raises(ModelError, match=f"expected {'0' * 64}; install the base model this"):
        export_peft(other, tmp_path / "adapter", card="")

    assert not (tmp_path / "adapter").exists()


def test_the_base_may_lie_elsewhere_as_long_as_it_is_the_same(
    source: Source, bert: BaseModel, tmp_path: Path
) -> None:
    export_peft(source, tmp_path / "adapter", card="")
    shutil.copytree(bert.folder, tmp_path / "moved")
    facts = json.loads((tmp_path / "adapter" / "fedmedlora.json").read_text("utf-8"))
    facts["model"]["base"] = str(tmp_path / "moved")
    (tmp_path / "adapter" / "fedmedlora.json").write_text(json.dumps(facts), "utf-8")

    engine = open_source(tmp_path / "adapter", arm=None).engine({})

    assert engine.base == source.base_digest


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ("{}", r"\.seed: found nothing, expected a whole number"),
        ('{"model": {"lora": {"rank": "16"}}}', r"\.model\.lora\.rank: found \"16\""),
        ('{"calibration": {"ner": [0.5, 1.5]}}', r"\.calibration\.ner\[1\]: found 1.5"),
        ('{"schema": 3}', r"\.schema: found 3, expected a whole number that is 2"),
        ("not json", ": found no readable JSON"),
        ("[]", r": found \[\], expected a table"),
    ],
)
def test_facts_that_say_too_little_are_refused(
    source: Source, tmp_path: Path, facts: str, found: str
) -> None:
    export_peft(source, tmp_path / "adapter", card="")
    (tmp_path / "adapter" / "fedmedlora.json").write_text(facts, "utf-8")

    with pytest.raises(InputError, match=rf"fedmedlora\.json{found}"):
        open_source(tmp_path / "adapter", arm=None)


def test_a_folder_that_is_neither_a_run_nor_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found neither a run nor an adapter, expected a folder"):
        open_source(tmp_path, arm=None)


@pytest.mark.parametrize("arm", ["fed_sa_lora", "personalised"])
def test_an_arm_whose_sites_read_with_tensors_of_their_own_is_no_source(
    tmp_path: Path, arm: str
) -> None:
    text = toml(("fed_sa_lora", "personalised"), rounds=1)
    with new_store(tmp_path, text) as store:
        run(experiment(text), FakeEngine(), store, cohorts())

    with pytest.raises(InputError, match=f"--arm: found {arm}, whose sites each read with"):
        open_source(tmp_path / "run", arm=arm)


@pytest.mark.parametrize("arm", ["few_shot", "bert"])
def test_an_arm_that_is_more_than_an_adapter_is_no_source(tmp_path: Path, arm: str) -> None:
    text = toml(("zero_shot", "few_shot", "bert"), rounds=1).replace(
        'base = "minilm"', 'base = "minilm"\nformulation = "markup"'
    )
    with new_store(tmp_path, text) as store:
        for model in ("own", "bert"):
            run(experiment(text), FakeEngine(), store, cohorts(), model=model)

    expected = f"--arm: found {arm}, which is more than an adapter .*, expected one of zero_shot"
    with pytest.raises(InputError, match=expected):
        open_source(tmp_path / "run", arm=arm)


def test_what_a_run_folded_into_its_base_comes_as_a_wider_adapter(tmp_path: Path) -> None:
    text = toml(("flora",), rounds=2)
    with new_store(tmp_path, text) as store:
        run(experiment(text), FakeEngine(), store, cohorts())
        store.put_meta("types", TYPES)

    found = open_source(tmp_path / "run", arm="flora")

    # Rank 2 of the fakes, and 3 sites' in each of the rounds up to the best.
    times = 1 + 3 * int(found.origin[-1])
    assert found.adapter["q.lora_A.weight"].shape == (2 * times, 3)
    assert (found.model.lora.rank, found.model.lora.alpha) == (16 * times, 64 * times)
