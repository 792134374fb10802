"""Llama shapes with seeded random weights and the bundled base's tokenizer.

How fast a model trains depends on its shape and not on what it has learnt. How fast it reads
depends on how often it marks something, so for reading the weights are laid down such that the
model can copy from the start, and are then trained for a while.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from fedmedlora.pretraining.first_weights import lay_down_copying
from fedmedlora.training.base_models import find_base_model
from fedmedlora.training.loading import quietly

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a Llama.

    Attributes:
        vocabulary: Rows of the embedding; None for as many as the tokenizer has.
        tied: Whether the head's rows are the embedding's.
    """

    width: int
    layers: int
    heads: int
    key_heads: int
    inner: int
    vocabulary: int | None = None
    tied: bool = True
    dtype: torch.dtype = torch.float32


SHAPES = {
    "1m": Shape(width=64, layers=2, heads=2, key_heads=2, inner=176),
    "22m": Shape(width=512, layers=6, heads=8, key_heads=8, inner=1408),
    "1b": Shape(
        width=2048,
        layers=16,
        heads=32,
        key_heads=8,
        inner=8192,
        vocabulary=128_256,
        dtype=torch.bfloat16,
    ),
    "8b": Shape(
        width=4096,
        layers=32,
        heads=32,
        key_heads=8,
        inner=14_336,
        vocabulary=128_256,
        tied=False,
        dtype=torch.bfloat16,
    ),
}
"""A toy, the size that is measured on processors, Llama-3.2-1B's and Llama-3.1-8B's."""

_POSITIONS = 4096


def write_llama(folder: Path, name: str, *, copies: bool = False, seed: int = 0) -> int:
    """Write a model of a shape with its tokenizer into a folder; return its number of weights.

    Args:
        folder: Is made.
        name: Of the shape.
        copies: Whether copying is laid down in its weights.
        seed: Of the weights.
    """
    shape, bundled = SHAPES[name], find_base_model("bundled").folder
    folder.mkdir(parents=True, exist_ok=True)
    for file in _TOKENIZER:
        shutil.copy(bundled / file, folder / file)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    torch.manual_seed(seed)
    settings = LlamaConfig(
        vocab_size=shape.vocabulary or len(tokenizer),
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        intermediate_size=shape.inner,
        max_position_embeddings=_POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=shape.tied,
        dtype=shape.dtype,
    )
    # Anything wider than the shape's format is never made: 8 G weights in float32 are 32 GB.
    before = torch.get_default_dtype()
    torch.set_default_dtype(shape.dtype)
    try:
        model = LlamaForCausalLM(settings)
    finally:
        torch.set_default_dtype(before)
    if copies:
        lay_down_copying(model, None, seed=seed)
    with quietly():
        model.save_pretrained(folder)
    return int(model.num_parameters())
