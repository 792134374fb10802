"""Which number format a machine multiplies fastest."""

from typing import Literal

import torch

from fedmedlora.training.settings import Dtype


def resolved(dtype: Literal["auto"] | Dtype) -> Dtype:
    """Return a number format; "auto" is bfloat16 where the machine multiplies it in hardware.

    Elsewhere bfloat16 is emulated and many times slower than float32.
    """
    if dtype != "auto":
        return dtype
    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    abilities = torch.cpu.get_capabilities()
    native = abilities.get("avx512_bf16") or abilities.get("amx_bf16")
    return "bfloat16" if native else "float32"
