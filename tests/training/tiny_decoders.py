"""Random decoders of a few thousand weights, one token a byte, and notes for them to mark."""

# ruff: noqa: S106 -- tokens of a vocabulary are no passwords

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.training.tiny_models import LORA
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.tasks.answers import WrittenExample
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.json_list import JsonList
from fedmedlora.tasks.markup import Markup
from fedmedlora.training.base_models import BaseModel, find_base_model
from fedmedlora.training.causal_model import AnswerLoss, CausalModel, load_causal_model
from fedmedlora.training.settings import Dtype
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

_FastTokenizer: Any = PreTrainedTokenizerFast

ARCHITECTURES: dict[str, tuple[Any, Any]] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
    "mistral": (MistralConfig, MistralForCausalLM),
}
TYPES = ("problem", "drug", "dosage")
LABELS = Labels(("problem", "drug"), ("dosage",))
NOTES = [
    Note(
        "n1",
        "a",
        "No pain. Aspirin 5 mg.",
        (
            Entity("T1", "problem", 3, 7),
            Entity("T2", "drug", 9, 16),
            Entity("T3", "dosage", 17, 21),
        ),
        (Relation("dosage", "T2", "T3"),),
    ),
    Note("n2", "a", "</span> <b>", (Entity("T1", "drug", 8, 11),), ()),
]


def tiny_decoder(folder: Path, architecture: str) -> BaseModel:
    """Write a decoder whose keys are fewer than its queries, and return it."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    named = ["<pad>", "<s>", "</s>", *letters]
    tokenizer = Tokenizer(models.BPE({name: i for i, name in enumerate(named)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    _FastTokenizer(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config, model = ARCHITECTURES[architecture]
    settings = config(
        vocab_size=len(named),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        intermediate_size=64,
        max_position_embeddings=1024,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        # Random weights of the usual size hardly look at what they read.
        initializer_range=0.2,
    )
    model(settings).save_pretrained(folder)
    return find_base_model(str(folder))


def stirred_model(
    base: BaseModel,
    *,
    loss: AnswerLoss = "choices",
    dtype: Dtype = "float32",
    dropout: float = 0.0,
) -> CausalModel:
    """Return a model whose adapter is random, so that it does something."""
    model = load_causal_model(
        base,
        lora=replace(LORA, dropout=dropout),
        dtype=dtype,
        quantization="none",
        loss=loss,
        mark_weight=3.0,
        seed=0,
    )
    rng = np.random.default_rng(0)
    model.slots.write(
        {
            name: rng.normal(0, 0.1, array.shape).astype(np.float32)
            for name, array in model.slots.read().items()
        }
    )
    return model


def written_examples(
    base: BaseModel, formulation: type[Markup] | type[JsonList] = Markup
) -> list[WrittenExample]:
    """Return windows and heads of a few notes: two instructions, unlike lengths."""
    tokenizer = HuggingFaceTokenizer(base.folder)
    return Extraction(formulation(TYPES, tokenizer, 2), tokenizer, 40).examples(NOTES, LABELS)
