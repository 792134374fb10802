"""A base model's config.json: what it is, known before its weights are read."""

from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, PretrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
)

from fedmedlora.errors import ModelError
from fedmedlora.training.base_models import BaseModel

_BENDING = (
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
)
"""What some bases do to products of queries and keys, or to logits: Gemma 2, Cohere, Granite."""


def read_config(base: BaseModel) -> PretrainedConfig:
    """Return the configuration of a base model; code that lies beside it never runs.

    Raises:
        ModelError: transformers does not know the architecture, or the weights are quantized.
    """
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(
            base.folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, StrictDataclassError) as error:
        raise ModelError(
            f"model {base.name!r}: found no config.json in {base.folder} that transformers can "
            "read, expected that of an architecture it knows; copy the model again"
        ) from error
    if getattr(config, "quantization_config", None) is not None:
        raise ModelError(
            f"model {base.name!r}: found weights that are quantized already, expected those it was "
            'quantized from; name that model, and set model.quantization to "4bit"'
        )
    return config


def num_embeddings(config: PretrainedConfig) -> int:
    """Return how many token ids a base has a vector for."""
    number: int = config.get_text_config().vocab_size
    return number


def require_plain_writing(name: str, config: PretrainedConfig) -> None:
    """Check what mark-up takes for granted: attention of our own, logits that are products alone.

    Raises:
        ModelError: The architecture keeps its attention to itself, or bends its logits.
    """
    text = config.get_text_config()
    if type(text) in MODEL_FOR_CAUSAL_LM_MAPPING:
        architecture: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(text)]
        # What builds its own masks cannot tag either, if it looks back only.
        instead = "" if looks_back_only(config) else ' or model.formulation = "tagging"'
        if not architecture.is_backend_compatible():
            raise ModelError(
                f"model {name!r}: found {architecture.__name__}, whose attention does not go "
                "through transformers' interface, expected one that does, as of Llama, Qwen3 or "
                f"Mistral; take another base{instead}"
            )
    bent = [key for key in _BENDING if getattr(text, key, None) not in (None, 1.0)]
    if bent:
        raise ModelError(
            f"model {name!r}: found {bent[0]} = {getattr(text, bent[0])} in its config.json, "
            "expected plain attention and logits; take another base or "
            'model.formulation = "tagging"'
        )


def looks_back_only(config: PretrainedConfig) -> bool:
    """Return whether no token sees what stands behind it: a decoder that fills no blanks."""
    text = type(config.get_text_config())
    return text in MODEL_FOR_CAUSAL_LM_MAPPING and text not in MODEL_FOR_MASKED_LM_MAPPING


def num_seen(config: PretrainedConfig) -> int | None:
    """Return how many tokens back a base sees in every layer; None where it sees all."""
    window: int | None = getattr(config.get_text_config(), "sliding_window", None)
    return window


def num_positions(config: PretrainedConfig) -> int | None:
    """Return the most tokens a base can number; None where it sets no limit."""
    limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit
