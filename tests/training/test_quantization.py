import importlib.util

import pytest
import torch

from fedmedlora.errors import ModelError
from fedmedlora.training.quantization import lacking, loading_options, require_quantization


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
    ("package", "missing"), [(None, "no package bitsandbytes"), (object(), None)]
)
def test_four_bits_need_a_package(
    monkeypatch: pytest.MonkeyPatch, package: object, missing: str | None
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: package)

    assert lacking("4bit") == missing
    assert lacking("none") is None


def test_a_machine_without_the_package_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    require_quantization("none")
    with pytest.raises(
        ModelError, match=r'quantization: found no package .*, expected it .* or set it to "none"'
    ):
        require_quantization("4bit")
