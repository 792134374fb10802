import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.training.tiny_models import NUM_POSITIONS, TYPES

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.engines.opening import open_local, open_whole
from fedmedlora.errors import ModelError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.schema import Lora, Model, Training
from fedmedlora.federation.engine import Engine, Scope
from fedmedlora.training.base_models import BaseModel

TRAINING = Training(num_threads=1)
# [CLS] and [SEP]; "[", a type and "]", the longest of which is "treatment", one unknown word.
NUM_MARKS = 2 + 3
NOTE = Note("n1", "a", " ".join(["severe pain"] * 100), (), ())
COHORT = Cohort("a", "external", Labels(TYPES, ()), False, (), (), (), (NOTE,), "test", "a" * 64)


Opening = Callable[..., Engine]


@pytest.fixture(params=[open_local, open_whole], ids=["adapter", "whole"])
def opening(request: pytest.FixtureRequest) -> Opening:
    found: Opening = request.param
    return found


def model(base: BaseModel, *, window_tokens: int) -> Model:
    return Model(base=str(base.folder), window_tokens=window_tokens, lora=Lora(rank=4))


def test_the_longest_window_that_fits_is_read(bert: BaseModel, opening: Opening) -> None:
    longest = model(bert, window_tokens=NUM_POSITIONS - NUM_MARKS)

    engine = opening(longest, TRAINING, {"a": COHORT}, TYPES, seed=0, shelf=MemoryShelf())

    tallies = dict(engine.evaluate(engine.initial(), ["a"], Scope("final", ("ner",), 1)))
    assert tallies["a"].num_notes == 1


def test_a_window_longer_than_the_base_can_read_is_refused(
    bert: BaseModel, opening: Opening
) -> None:
    with pytest.raises(
        ModelError,
        match=r"window_tokens: found 60, for which 65 tokens .* expected at most the 64 that",
    ):
        opening(model(bert, window_tokens=60), TRAINING, {}, TYPES, seed=0, shelf=MemoryShelf())


def test_a_limit_that_only_the_loaded_model_shows_counts(
    bert: BaseModel, opening: Opening, tmp_path: Path
) -> None:
    folder = shutil.copytree(bert.folder, tmp_path / "copy")
    settings = json.loads((folder / "config.json").read_text("utf-8"))
    changed = {**settings, "model_type": "roberta", "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(changed), "utf-8")
    longest = replace(model(bert, window_tokens=NUM_POSITIONS - NUM_MARKS), base=str(folder))

    # RoBERTa numbers positions from 2 on, behind its padding index 1.
    with pytest.raises(ModelError, match=r"64 tokens must be read at once, .* at most the 62 that"):
        opening(longest, TRAINING, {}, TYPES, seed=0, shelf=MemoryShelf())


def test_a_missing_base_is_refused(bert: BaseModel, opening: Opening) -> None:
    missing = replace(model(bert, window_tokens=40), base="/no/such/folder")

    with pytest.raises(ModelError, match="'/no/such/folder': found neither a folder nor a hub"):
        opening(missing, TRAINING, {}, TYPES, seed=0, shelf=MemoryShelf())


def test_the_seed_decides_where_sites_start(bert: BaseModel, opening: Opening) -> None:
    fitting = model(bert, window_tokens=40)

    starts = [
        opening(fitting, TRAINING, {}, TYPES, seed=seed, shelf=MemoryShelf()).initial()
        for seed in (1, 1, 2)
    ]
    (name,) = (name for name in starts[0] if name.endswith("classifier.weight"))
    heads = [start[name] for start in starts]

    assert (heads[0] == heads[1]).all()
    assert (heads[0] != heads[2]).any()
