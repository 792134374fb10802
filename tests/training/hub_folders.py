"""Base models as the hub has them, at a few thousand random weights: config.json and tokenizer of
the real ones, a text of bytes or letters a token, two narrow layers.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

Settings = Mapping[str, Any]
Tokenization = Callable[[Path], tuple[int, int | None, int]]
"""Writes a tokenizer; returns how many ids it has, those of the beginning and of the end."""

_NARROW = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    # Random weights of the usual size hardly look at what they read.
    "initializer_range": 0.2,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What tells one base model of the hub from the others."""

    settings: Settings
    tokenization: Tokenization


def _bytes_a_token(*special: str) -> Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({name: i for i, name in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([*special])
    return tokenizer


def _beginning_with(tokenizer: Tokenizer, token: str) -> None:
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{token} $A", special_tokens=[(token, tokenizer.token_to_id(token))]
    )


def _saved(folder: Path, tokenizer: Tokenizer, **settings: object) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")


def _like_llama_3(folder: Path) -> tuple[int, int | None, int]:
    begin, end = "<|begin_of_text|>", "<|end_of_text|>"
    tokenizer = _bytes_a_token(begin, end)
    _beginning_with(tokenizer, begin)
    kind = "PreTrainedTokenizerFast"
    _saved(folder, tokenizer, bos_token=begin, eos_token=end, tokenizer_class=kind)
    return 258, 256, 257


def _like_deepseek(folder: Path) -> tuple[int, int | None, int]:
    """A tokenizer of bytes that gives itself out as Llama 2's, which is none."""
    begin, end = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"  # noqa: RUF001 -- theirs
    tokenizer = _bytes_a_token(begin, end)
    _beginning_with(tokenizer, begin)
    _saved(
        folder,
        tokenizer,
        add_bos_token=True,
        add_eos_token=False,
        bos_token={"__type": "AddedToken", "content": begin, "normalized": True},
        eos_token={"__type": "AddedToken", "content": end, "normalized": True},
        pad_token={"__type": "AddedToken", "content": end, "normalized": True},
        chat_template="{{ messages[0]['content'] }}<think>\n",
        legacy=True,
        tokenizer_class="LlamaTokenizerFast",
    )
    return 258, 256, 257


def _like_qwen_3(folder: Path) -> tuple[int, int | None, int]:
    """No token stands for the beginning."""
    end, turn = "<|endoftext|>", "<|im_end|>"
    kind = "Qwen2Tokenizer"
    tokenizer = _bytes_a_token(end, turn)
    _saved(folder, tokenizer, bos_token=None, eos_token=end, pad_token=end, tokenizer_class=kind)
    return 258, None, 256


def _like_mistral(folder: Path) -> tuple[int, int | None, int]:
    """Pieces of SentencePiece: a space is part of what follows, other bytes are spelt."""
    letters = ["▁", *map(chr, range(33, 127))]
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    vocabulary = {name: i for i, name in enumerate(names)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))  # noqa: S106
    tokenizer.add_special_tokens(names[:3])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    _beginning_with(tokenizer, "<s>")
    marks = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": None}
    _saved(folder, tokenizer, **marks, legacy=False, tokenizer_class="LlamaTokenizer")
    return len(names), 1, 2


def _like_bert(folder: Path) -> tuple[int, int | None, int]:
    """Words and their letters, in the one file that old models have."""
    letters = [chr(code) for code in range(33, 127)]
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *letters,
        *(f"##{one}" for one in letters),
    ]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    return len(words), None, 3


def _llama_3(factor: float, **settings: object) -> Settings:
    scaling = {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "num_key_value_heads": 2,
        "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-05,
        "rope_theta": 500000.0,
        "rope_scaling": scaling,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        **settings,
    }


KINDS = {
    "meta-llama/Llama-3.1-8B": Kind(_llama_3(8.0), _like_llama_3),
    "meta-llama/Llama-3.2-1B": Kind(
        _llama_3(32.0, head_dim=8, tie_word_embeddings=True), _like_llama_3
    ),
    "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": Kind(_llama_3(8.0), _like_deepseek),
    "Qwen/Qwen3-4B": Kind(
        {
            "model_type": "qwen3",
            "architectures": ["Qwen3ForCausalLM"],
            "num_key_value_heads": 2,
            # Wider than the hidden state by its heads.
            "head_dim": 16,
            "max_position_embeddings": 40960,
            "rope_theta": 1000000,
            "sliding_window": None,
            "use_sliding_window": False,
            "max_window_layers": 2,
            "tie_word_embeddings": True,
            "torch_dtype": "bfloat16",
        },
        _like_qwen_3,
    ),
    "mistralai/Mistral-7B-v0.3": Kind(
        {
            "model_type": "mistral",
            "architectures": ["MistralForCausalLM"],
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": 32768,
            "rope_theta": 1000000.0,
            "sliding_window": None,
            "tie_word_embeddings": False,
            "torch_dtype": "bfloat16",
        },
        _like_mistral,
    ),
    "emilyalsentzer/Bio_ClinicalBERT": Kind(
        {
            "model_type": "bert",
            "architectures": ["BertForMaskedLM"],
            "max_position_embeddings": 512,
            "type_vocab_size": 2,
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "pad_token_id": 0,
        },
        _like_bert,
    ),
}
LLMS = tuple(name for name, kind in KINDS.items() if kind.settings["model_type"] != "bert")


def write_base(folder: Path, name: str) -> Path:
    """Write a base model like one of the hub, and return its folder."""
    kind = KINDS[name]
    folder.mkdir(parents=True, exist_ok=True)
    num_ids, begin, end = kind.tokenization(folder)
    own = {"vocab_size": num_ids, "bos_token_id": begin, "eos_token_id": end}
    settings = {**_NARROW, **kind.settings, **own}
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    loader: Any = AutoModelForCausalLM if name in LLMS else AutoModelForMaskedLM
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(folder)
    dtype = getattr(torch, settings.get("torch_dtype", "float32"))
    loader.from_config(config, dtype=dtype).save_pretrained(folder)
    # As the hub has it, and not as transformers writes it again.
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    return folder
