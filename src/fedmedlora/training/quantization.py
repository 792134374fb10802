"""The frozen layers of a base in four bits, read from its files straight into them.

Source: QLoRA, arXiv 2305.14314, section 3: 4-bit NormalFloat, whose scales are quantized in turn;
products in the model's own number format.
"""

import importlib.util
from collections.abc import Sequence
from typing import Any

import torch
from transformers import BitsAndBytesConfig, PreTrainedModel

from fedmedlora.errors import ModelError
from fedmedlora.training.settings import Quantization

_BitsAndBytesConfig: Any = BitsAndBytesConfig
_PACKS = "support_avx512bf16_for_cpu"


def lacking(quantization: Quantization) -> str | None:
    """Return what this machine lacks for a quantization, None where it has all."""
    if quantization == "none":
        return None
    return None if importlib.util.find_spec("bitsandbytes") else "no package bitsandbytes"


def require_quantization(quantization: Quantization) -> None:
    """Check that this machine can quantize so.

    Raises:
        ModelError: bitsandbytes is not installed.
    """
    if missing := lacking(quantization):
        raise ModelError(
            f'model.quantization: found {missing}, expected it for "{quantization}"; install the '
            'extra `quantization`, or set it to "none"'
        )


def loading_options(
    quantization: Quantization, dtype: torch.dtype, *, whole: Sequence[str]
) -> dict[str, Any]:
    """Return what transformers must be told beside a base's folder.

    Args:
        quantization: Of the linear layers.
        dtype: Of products and of what stays whole.
        whole: Names of layers that are not quantized; without any, transformers leaves the output
            embeddings whole.
    """
    if quantization == "none":
        return {"dtype": dtype}
    return {
        "dtype": dtype,
        "quantization_config": _BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            llm_int8_skip_modules=[*whole] or None,
        ),
    }


def keep_as_read(model: PreTrainedModel) -> None:
    """Let layers in four bits compute with what was read, whoever computes and however often.

    On some CPUs bitsandbytes packs a layer anew for reading and unpacks it for training: its scales
    are rounded on the way, and a narrow layer cannot be packed at all.
    """
    for layer in model.modules():
        if hasattr(layer, _PACKS):
            setattr(layer, _PACKS, False)
