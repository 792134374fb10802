from dataclasses import replace

import pytest
from tests.training.tiny_models import NUM_POSITIONS, TYPES

from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.engines.opening import open_local
from fedmedlora.errors import ModelError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.experiment.schema import Lora, Model, Training
from fedmedlora.federation.engine import Scope
from fedmedlora.training.base_models import BaseModel

TRAINING = Training(num_threads=1)
# [CLS] and [SEP]; "[", a type and "]", the longest of which is "treatment", one unknown word.
NUM_MARKS = 2 + 3
NOTE = Note("n1", "a", " ".join(["severe pain"] * 100), (), ())
COHORT = Cohort("a", "external", Labels(TYPES, ()), False, (), (), (), (NOTE,), "test", "a" * 64)


def model(base: BaseModel, *, window_tokens: int) -> Model:
    return Model(base=str(base.folder), window_tokens=window_tokens, lora=Lora(rank=4))


def test_the_longest_window_that_fits_is_read(bert: BaseModel) -> None:
    longest = model(bert, window_tokens=NUM_POSITIONS - NUM_MARKS)

    engine = open_local(longest, TRAINING, {"a": COHORT}, TYPES, seed=0)

    counts = dict(engine.evaluate(engine.initial(), ["a"], Scope("final", ("ner",), 1)))
    assert len(counts["a"]) == 1


def test_a_window_longer_than_the_base_can_read_is_refused(bert: BaseModel) -> None:
    with pytest.raises(
        ModelError,
        match=r"window_tokens: found 60, for which 65 tokens .* expected at most the 64 that",
    ):
        open_local(model(bert, window_tokens=60), TRAINING, {}, TYPES, seed=0)


def test_a_missing_base_is_refused(bert: BaseModel) -> None:
    missing = replace(model(bert, window_tokens=40), base="/no/such/folder")

    with pytest.raises(ModelError, match="'/no/such/folder': found neither a folder nor a hub"):
        open_local(missing, TRAINING, {}, TYPES, seed=0)


def test_the_seed_decides_where_sites_start(bert: BaseModel) -> None:
    fitting = model(bert, window_tokens=40)

    heads = [
        open_local(fitting, TRAINING, {}, TYPES, seed=seed).initial()[
            "base_model.model.classifier.weight"
        ]
        for seed in (1, 1, 2)
    ]

    assert (heads[0] == heads[1]).all()
    assert (heads[0] != heads[2]).any()
