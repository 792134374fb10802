"""A base model's config.json: what it is, known before its weights are read."""

from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, PretrainedConfig

from fedmedlora.errors import ModelError
from fedmedlora.training.base_models import BaseModel


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


def num_positions(config: PretrainedConfig) -> int | None:
    """Return the most tokens a base can number; None where it sets no limit."""
    limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit
