"""What is handed over is the model that was scored: logit by logit, loaded without this package."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.full_disk import files_of_at_most
from tests.training.tiny_decoders import tiny_decoder
from tests.training.tiny_models import TYPES, tiny_bert, tiny_llama
from transformers import AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer

from fedmedlora.adapters.low_rank import Factors, layers
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.exporting import export_merged, export_peft, merged_dtype
from fedmedlora.engines.models import open_model
from fedmedlora.engines.sources import Source
from fedmedlora.errors import InputError, ModelError, StoreError
from fedmedlora.experiment.schema import FormulationName, Lora, Model, Training
from fedmedlora.federation.patches import as_adapter, next_patch
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.shared_prefix import SideBySide
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

IDS = torch.tensor([[2, 8, 10, 12, 3]])
# Sums of float32 products in another order.
close = partial(torch.allclose, rtol=1e-4, atol=1e-5)


def random_adapter(start: AdapterWeights) -> AdapterWeights:
    rng = np.random.default_rng(0)
    return {
        name: rng.normal(0, 0.1, array.shape).astype(np.float32) for name, array in start.items()
    }


def source_of(base: BaseModel, formulation: FormulationName = "tagging") -> tuple[Source, Any]:
    """Return a source with a random adapter, and its model with that adapter in it."""
    model = Model(
        base=str(base.folder), formulation=formulation, window_tokens=8, lora=Lora(rank=4, alpha=8)
    )
    training = Training(num_threads=1)
    opened = open_model(model, training, TYPES, seed=3)
    adapter = random_adapter(opened.backbone.initial())
    opened.backbone.learner.slots.write(adapter)
    told = "plus of demo, round 2"
    source = Source(adapter, told, base.digest, model, training, TYPES, 3, "here")
    return source, opened.backbone.learner


def logits_of(folder: Path, form: Any) -> torch.Tensor:  # noqa: ANN401 -- one of transformers'
    loaded, report = form.from_pretrained(folder, dtype="auto", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    with torch.inference_mode():
        logits: torch.Tensor = loaded.eval()(input_ids=IDS).logits
    return logits


@pytest.mark.parametrize("write_base", [tiny_bert, tiny_llama])
def test_a_merged_tagger_is_a_plain_folder_with_the_same_logits(
    write_base: Callable[[Path], BaseModel], tmp_path: Path
) -> None:
    source, tagger = source_of(write_base(tmp_path / "base"))
    with torch.inference_mode():
        tagger.model.eval()
        ours = tagger.logits(IDS, torch.ones_like(IDS))

    export_merged(source, tmp_path / "merged", card="# card", dtype="float32")

    theirs = logits_of(tmp_path / "merged", AutoModelForTokenClassification)
    assert close(theirs.view(1, 5, 2, 3), ours)
    assert not list(tmp_path.glob("merged/adapter*"))
    assert (tmp_path / "merged" / "README.md").read_text("utf-8") == "# card"


def test_the_channels_of_a_merged_tagger_are_named(bert: BaseModel, tmp_path: Path) -> None:
    source, _ = source_of(bert)

    export_merged(source, tmp_path / "merged", card="", dtype="float32")

    found = AutoModelForTokenClassification.from_pretrained(tmp_path / "merged").config.id2label
    assert [found[number] for number in range(6)] == [
        *("problem:O", "problem:B", "problem:I"),
        *("drug:O", "drug:B", "drug:I"),
    ]


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "mistral"])
def test_a_merged_writer_is_a_plain_folder_with_the_same_logits(
    architecture: str, tmp_path: Path
) -> None:
    base = tiny_decoder(tmp_path / "base", architecture)
    source, writer = source_of(base, "markup")
    positions = torch.arange(5)
    with torch.inference_mode():
        writer.model.eval()
        hidden = writer._read(IDS, positions[None], SideBySide())
        ours = hidden @ writer.vocabulary.T

    export_merged(source, tmp_path / "merged", card="", dtype="float32")

    assert close(logits_of(tmp_path / "merged", AutoModelForCausalLM), ours)


def test_what_exact_rules_folded_into_the_base_is_merged_too(
    bert: BaseModel, tmp_path: Path
) -> None:
    source, _ = source_of(bert)
    opened = open_model(source.model, source.training, TYPES, seed=3)
    rng = np.random.default_rng(1)
    changes = {
        (a, b): Factors(rng.normal(0, 0.1, (32, 3)), rng.normal(0, 0.1, (3, 32)))
        for a, b in layers(source.adapter)
        if source.adapter[a].shape[1] == source.adapter[b].shape[0]
    }
    bundle = {**source.adapter, **next_patch(source.adapter, changes)}
    opened.backbone._write(bundle)
    tagger: Any = opened.backbone.learner
    with torch.inference_mode():
        ours = tagger.logits(IDS, torch.ones_like(IDS))

    # As a run's arm is opened: one wider adapter.
    adapter, times = as_adapter(bundle)
    lora = Lora(rank=4 * times, alpha=8 * times)
    wide = replace(source, adapter=adapter, model=replace(source.model, lora=lora))
    export_merged(wide, tmp_path / "merged", card="", dtype="float32")

    theirs = logits_of(tmp_path / "merged", AutoModelForTokenClassification)
    assert len(changes) == 8  # query, key, value, and their output, in two layers
    assert close(theirs.view(1, 5, 2, 3), ours)


def test_it_cuts_text_as_its_base_does(bert: BaseModel, tmp_path: Path) -> None:
    source, _ = source_of(bert)

    export_merged(source, tmp_path / "merged", card="", dtype="float32")

    text = "severe chest pain, fever"
    theirs = AutoTokenizer.from_pretrained(tmp_path / "merged")(text, add_special_tokens=False)
    assert tuple(theirs.input_ids) == HuggingFaceTokenizer(bert.folder).tokenize(text).ids


def test_weights_are_added_in_float32_and_rounded_once(bert: BaseModel, tmp_path: Path) -> None:
    source, _ = source_of(bert)

    for dtype in ("float32", "bfloat16"):
        export_merged(source, tmp_path / dtype, card="", dtype=dtype)

    exact, rounded = (
        load_file(tmp_path / dtype / "model.safetensors") for dtype in ("float32", "bfloat16")
    )
    assert all(torch.equal(rounded[name], exact[name].bfloat16()) for name in exact)
    # W + alpha / rank B A, by hand for one layer.
    layer = "encoder.layer.0.attention.self.query"
    start = load_file(bert.folder / "model.safetensors")[f"{layer}.weight"].numpy()
    names = [f"base_model.model.bert.{layer}.lora_{one}.weight" for one in "BA"]
    b, a = (source.adapter[name].astype(np.float64) for name in names)
    np.testing.assert_allclose(exact[f"bert.{layer}.weight"], start + 8 / 4 * b @ a, atol=1e-6)


def test_a_merged_base_keeps_its_own_number_format(tmp_path: Path) -> None:
    folder = tmp_path / "half"
    base = tiny_bert(tmp_path / "base")
    narrow = AutoModelForTokenClassification.from_pretrained(base.folder).bert.bfloat16()
    narrow.save_pretrained(folder)
    for file in base.folder.glob("tokenizer*"):
        (folder / file.name).write_bytes(file.read_bytes())
    source = replace(source_of(base)[0], model=replace(Model(base=str(folder))))

    assert merged_dtype(source, None) == "bfloat16"
    assert merged_dtype(source, "float32") == "float32"


def test_its_configuration_is_that_of_the_base_but_for_the_head(
    bert: BaseModel, tmp_path: Path
) -> None:
    source, _ = source_of(bert)

    export_merged(source, tmp_path / "merged", card="", dtype="float32")

    config = AutoModelForTokenClassification.from_pretrained(tmp_path / "merged").config
    # Training puts it to nought.
    assert config.hidden_dropout_prob == 0.1


def test_an_adapter_of_a_base_in_four_bits_is_added_to_what_these_say(tmp_path: Path) -> None:
    base = tiny_decoder(tmp_path / "base", "llama")
    source, _ = source_of(base, "markup")
    packed = replace(source, model=replace(source.model, quantization="4bit"))
    opened = open_model(packed.model, packed.training, TYPES, seed=3)
    opened.backbone.learner.slots.write(source.adapter)
    writer: Any = opened.backbone.learner
    with torch.inference_mode():
        writer.model.eval()
        hidden = writer._read(IDS, torch.arange(5)[None], SideBySide())
        ours = hidden @ writer.vocabulary.T

    export_merged(packed, tmp_path / "merged", card="", dtype="float32")
    export_merged(source, tmp_path / "whole", card="", dtype="float32")

    theirs, whole = (
        logits_of(tmp_path / folder, AutoModelForCausalLM) for folder in ("merged", "whole")
    )
    assert close(theirs, ours)
    assert not close(whole, ours)
    assert "quantization" not in (tmp_path / "merged" / "config.json").read_text("utf-8")


def test_a_weight_that_the_number_format_cannot_hold_is_told(
    bert: BaseModel, tmp_path: Path
) -> None:
    source, _ = source_of(bert)
    large = {name: array * np.float32(1e4) for name, array in source.adapter.items()}

    with pytest.raises(ModelError, match=r"torch\.float16 cannot hold, .*; say --dtype float32"):
        export_merged(replace(source, adapter=large), tmp_path / "new", card="", dtype="float16")

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_of_a_merged_base(bert: BaseModel, tmp_path: Path) -> None:
    source, _ = source_of(bert)

    # Room for everything but the weights.
    with (
        files_of_at_most(20_000),
        pytest.raises(StoreError, match=r"new: found .* on writing, expected room and permission"),
    ):
        export_merged(source, tmp_path / "new", card="", dtype="float32")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_left_as_it_was(bert: BaseModel, tmp_path: Path) -> None:
    source, _ = source_of(bert)
    (tmp_path / "mine.txt").touch()

    with pytest.raises(InputError, match="found a folder in use, expected a new or empty one"):
        export_merged(source, tmp_path, card="", dtype="float32")

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_peft_is_told_comes_back(bert: BaseModel, tmp_path: Path) -> None:
    source, _ = source_of(bert)

    told = export_peft(source, tmp_path / "adapter", card="# card")

    assert (told["r"], told["lora_alpha"], told["bias"]) == (4, 8, "none")
    assert (tmp_path / "adapter" / "README.md").read_text("utf-8") == "# card"
