"""Random base models of a few thousand weights, written to a folder as real ones are."""

# ruff: noqa: S106 -- tokens of a vocabulary are no passwords

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
)

from fedmedlora.tasks.tagging import IGNORED, TaggingExample
from fedmedlora.training.base_models import BaseModel, find_base_model
from fedmedlora.training.settings import Dtype, LoraSettings, TrainingSettings
from fedmedlora.training.tagging_model import TaggingModel, load_tagging_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer
from fedmedlora.training.whole_model import load_whole_model

TYPES = ("problem", "drug")
NUM_POSITIONS = 64

LORA = LoraSettings(rank=4, alpha=8, dropout=0.0, target_modules="all-linear")
TRAINING = TrainingSettings(
    epochs=1,
    batch_size=4,
    learning_rate=1e-2,
    rate_ratio=1.0,
    head_learning_rate=None,
    warmup=0.0,
    weight_decay=0.0,
    max_gradient_norm=1.0,
    gradient_checkpointing=False,
    min_steps=1,
    rounds_per_epoch=1,
    num_threads=1,
)

_FastTokenizer: Any = PreTrainedTokenizerFast

_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[", "]", "problem", "drug", "severe", "chest"]
_WORDS += ["pain", "aspirin", "no", "fever", "fe", "##ver", "mg", ".", ","]
_LETTERS = [chr(code) for code in range(33, 127)]
SPELLING = [*_WORDS[:4], *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
"""A vocabulary that can spell every word, for notes that are not made of the few above."""


def tagger_of(
    base: BaseModel,
    types: tuple[str, ...] = TYPES,
    *,
    lora: LoraSettings = LORA,
    dtype: Dtype = "float32",
    mark_weight: float = 1.0,
    seed: int = 0,
) -> TaggingModel:
    return load_tagging_model(
        base,
        HuggingFaceTokenizer(base.folder),
        types,
        lora=lora,
        dtype=dtype,
        quantization="none",
        mark_weight=mark_weight,
        seed=seed,
    )


def whole_of(
    base: BaseModel, types: tuple[str, ...] = TYPES, *, dtype: Dtype = "float32", seed: int = 0
) -> TaggingModel:
    tokenizer = HuggingFaceTokenizer(base.folder)
    return load_whole_model(base, tokenizer, types, dtype=dtype, mark_weight=1.0, seed=seed)


def tiny_bert(
    folder: Path,
    *,
    words: Sequence[str] = _WORDS,
    num_layers: int = 2,
    num_positions: int = NUM_POSITIONS,
) -> BaseModel:
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    _FastTokenizer(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
    ).save_pretrained(folder)
    torch.manual_seed(0)
    settings = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=num_layers,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=num_positions,
    )
    BertModel(settings).save_pretrained(folder)
    return find_base_model(str(folder))


def tiny_llama(folder: Path) -> BaseModel:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<s>": 0, **{letter: i for i, letter in enumerate(letters, start=1)}}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    _FastTokenizer(
        tokenizer_object=tokenizer,
        bos_token="<s>",
    ).save_pretrained(folder)
    torch.manual_seed(0)
    settings = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=64,
        max_position_embeddings=NUM_POSITIONS,
        pad_token_id=None,
        bos_token_id=0,
        eos_token_id=0,
    )
    LlamaModel(settings).save_pretrained(folder)
    return find_base_model(str(folder))


def examples(number: int, *, seed: int = 0, types: int = len(TYPES)) -> list[TaggingExample]:
    """Random examples of 3 to 9 tokens whose first and last have no target."""
    rng = np.random.default_rng(seed)
    made = []
    for length in rng.integers(3, 10, number):
        targets = rng.integers(0, 3, (length, types))
        targets[[0, -1]] = IGNORED
        made.append(TaggingExample(tuple(rng.integers(4, len(_WORDS), length).tolist()), targets))
    return made
