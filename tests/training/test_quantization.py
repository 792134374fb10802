import importlib.util
from pathlib import Path

import pytest
import torch
from tests.training.hub_folders import LLMS, write_base
from tests.training.tiny_decoders import markup_examples
from tests.training.tiny_models import LORA, TRAINING

from fedmedlora.errors import ModelError
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.training.base_models import find_base_model
from fedmedlora.training.causal_model import load_causal_model
from fedmedlora.training.lora_model import recompute_activations
from fedmedlora.training.process import prepared
from fedmedlora.training.quantization import lacking, loading_options, require_quantization
from fedmedlora.training.trainer import mean_loss, train


def test_whole_weights_are_read_in_the_format_of_products() -> None:
    options = loading_options("none", torch.bfloat16, whole=("score",))

    assert options == {"dtype": torch.bfloat16}


def test_four_bits_are_those_of_qlora() -> None:
    options = loading_options("4bit", torch.bfloat16, whole=("classifier", "score"))

    config = options["quantization_config"]
    assert options["dtype"] == config.bnb_4bit_compute_dtype == torch.bfloat16
    assert config.load_in_4bit
    assert (config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == ("nf4", True)
    # A head is trained, so it stays whole.
    assert config.llm_int8_skip_modules == ["classifier", "score"]


def test_where_no_layer_is_named_transformers_chooses_what_stays_whole() -> None:
    config = loading_options("4bit", torch.float32, whole=())["quantization_config"]

    assert config.llm_int8_skip_modules is None


@pytest.mark.parametrize(
    ("has_cuda", "package", "missing"),
    [
        (False, None, "no CUDA device"),
        (True, None, "no package bitsandbytes"),
        (True, object(), None),
    ],
)
def test_four_bits_need_cuda_and_a_package(
    monkeypatch: pytest.MonkeyPatch, has_cuda: bool, package: object, missing: str | None
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: package)

    assert lacking("4bit") == missing
    assert lacking("none") is None


def test_a_machine_without_cuda_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    require_quantization("none")
    with pytest.raises(
        ModelError, match=r'quantization: found no CUDA device, expected .* or set it to "none"'
    ):
        require_quantization("4bit")


@pytest.mark.gpu
@pytest.mark.parametrize("name", LLMS)
def test_a_base_in_four_bits_learns(tmp_path: Path, name: str) -> None:
    base = find_base_model(str(write_base(tmp_path, name)))
    accelerator = prepared(1)
    model = load_causal_model(
        base,
        lora=LORA,
        dtype="bfloat16",
        quantization="4bit",
        loss="choices",
        mark_weight=3.0,
        seed=0,
    )
    model.model.to(accelerator.device)
    recompute_activations(model.model, model.dtype)
    examples = markup_examples(base)
    before = mean_loss(model, examples)

    plan = LocalPlan(seed=1, round_index=1, num_rounds=1)
    train(model, examples, plan, settings=TRAINING, accelerator=accelerator)

    layers = {type(module).__module__ for module in model.model.modules()}
    assert "peft.tuners.lora.bnb" in layers
    assert mean_loss(model, examples) < before
