import json
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftConfig, PeftModel
from tests.training.tiny_models import TYPES
from transformers import AutoModelForTokenClassification

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import InputError, ModelError
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.peft_folder import (
    is_peft_folder,
    read_peft_folder,
    write_peft_folder,
)
from fedmedlora.training.settings import Dtype
from fedmedlora.training.tagging_model import TaggingModel

FACTS = {"types": ["problem", "drug"], "seed": 3}


@pytest.fixture
def adapter(tagger: TaggingModel) -> AdapterWeights:
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(size=array.shape).astype(np.float32)
        for name, array in tagger.slots.read().items()
    }


@pytest.fixture
def config(tagger: TaggingModel) -> PeftConfig:
    assert isinstance(tagger.model, PeftModel)
    return tagger.model.peft_config["default"]


def test_what_was_written_is_read_back(
    tmp_path: Path, adapter: AdapterWeights, config: PeftConfig
) -> None:
    folder = tmp_path / "new" / "adapter"

    write_peft_folder(folder, adapter, config, FACTS, card="")

    assert is_peft_folder(folder)
    weights, facts = read_peft_folder(folder)
    assert facts == FACTS
    assert sorted(weights) == sorted(adapter)
    assert all(np.array_equal(weights[name], adapter[name]) for name in adapter)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_plain_peft_loads_it_and_gives_the_same_logits(
    dtype: Dtype,
    tmp_path: Path,
    adapter: AdapterWeights,
    config: PeftConfig,
    tagger: TaggingModel,
    bert: BaseModel,
) -> None:
    write_peft_folder(tmp_path, adapter, config, FACTS, card="", dtype=dtype)
    tagger.slots.write(read_peft_folder(tmp_path)[0])
    ids = torch.tensor([[2, 8, 10, 12, 3]])

    # Fused attention, which is what transformers picks by itself, rounds otherwise.
    plain = AutoModelForTokenClassification.from_pretrained(
        bert.folder, num_labels=3 * len(TYPES), attn_implementation="eager"
    )
    loaded = PeftModel.from_pretrained(plain, str(tmp_path)).eval()

    with torch.inference_mode():
        tagger.model.eval()
        ours = tagger.logits(ids, torch.ones_like(ids))
        theirs = loaded(input_ids=ids).logits
    assert torch.equal(theirs.view(1, 5, 2, 3), ours)


def test_a_folder_in_use_is_not_written_to(
    tmp_path: Path, adapter: AdapterWeights, config: PeftConfig
) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")

    with pytest.raises(InputError, match="found a folder in use, expected a new or empty one"):
        write_peft_folder(tmp_path, adapter, config, FACTS, card="")

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_without_facts_is_refused(
    tmp_path: Path, adapter: AdapterWeights, config: PeftConfig
) -> None:
    write_peft_folder(tmp_path, adapter, config, FACTS, card="")
    (tmp_path / "fedmedlora.json").unlink()

    with pytest.raises(InputError, match=r"fedmedlora\.json: found no readable JSON"):
        read_peft_folder(tmp_path)


def test_an_adapter_that_is_not_finite_is_refused(
    tmp_path: Path, adapter: AdapterWeights, config: PeftConfig
) -> None:
    name = min(adapter)
    adapter[name][0, 0] = np.nan
    write_peft_folder(tmp_path, adapter, config, FACTS, card="")

    with pytest.raises(ModelError, match=f"found a value that is not finite in '{name}'"):
        read_peft_folder(tmp_path)


def test_weights_alone_are_no_peft_folder(
    tmp_path: Path, adapter: AdapterWeights, config: PeftConfig
) -> None:
    write_peft_folder(tmp_path, adapter, config, FACTS, card="")
    (tmp_path / "adapter_config.json").unlink()

    assert not is_peft_folder(tmp_path)


def test_both_documents_are_the_same_text_in_every_process(
    tmp_path: Path, adapter: AdapterWeights, config: PeftConfig
) -> None:
    write_peft_folder(tmp_path, adapter, config, FACTS, card="")

    assert json.loads((tmp_path / "fedmedlora.json").read_text("utf-8")) == FACTS
    settings = json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))
    # Peft keeps them in a set, whose order changes from process to process.
    assert settings["target_modules"] == sorted(settings["target_modules"])
    assert len(settings["target_modules"]) > 1
