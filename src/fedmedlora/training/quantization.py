"""The frozen layers of a base in four bits, read from its files straight into them.

Source: QLoRA, arXiv 2305.14314, section 3: 4-bit NormalFloat, whose scales are quantized in turn;
products in the model's own number format.
"""

import importlib.util
from collections.abc import Sequence
from typing import Any

import torch
from transformers import BitsAndBytesConfig

from fedmedlora.errors import ModelError
from fedmedlora.training.settings import Quantization

_BitsAndBytesConfig: Any = BitsAndBytesConfig


def lacking(quantization: Quantization) -> str | None:
    """Return what this machine lacks for a quantization, None where it has all."""
    if quantization == "none":
        return None
    if not torch.cuda.is_available():
        return "no CUDA device"
    return None if importlib.util.find_spec("bitsandbytes") else "no package bitsandbytes"


def require_quantization(quantization: Quantization) -> None:
    """Check that this machine can quantize so.

    Raises:
        ModelError: It has no CUDA device, or bitsandbytes is not installed.
    """
    if missing := lacking(quantization):
        raise ModelError(
            f"model.quantization: found {missing}, expected a CUDA device and bitsandbytes for "
            f'"{quantization}"; install the extra `gpu` where there is such a device, or set it to '
            '"none"'
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
