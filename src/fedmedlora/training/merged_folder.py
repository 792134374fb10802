"""An adapter added into the weights of its base: a plain transformers folder, without peft.

    W  =  W_0 + s B A,    s = alpha / rank

computed in float32 and then rounded to the number format asked for. W_0 is what the adapter was
trained on: of a base in four bits, what these say, and not the weights they were made from. A head
is saved with the model, its channels named in `id2label`: `drug:B` is the logit of "a drug begins
here".

Source: LoRA (arXiv 2106.09685), section 4.1, on what serving needs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from transformers import AutoTokenizer, PretrainedConfig, PreTrainedModel

from fedmedlora.errors import ModelError
from fedmedlora.tasks.tagging import NUM_TAGS
from fedmedlora.training.base_config import looks_back_only, read_config
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.exported_folder import exported_folder
from fedmedlora.training.loading import quietly
from fedmedlora.training.settings import Dtype

MergedDtype = Literal["float32", "bfloat16", "float16"]

_FORMATS: Mapping[MergedDtype, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_TAGS = ("O", "B", "I")
_PREFIX = "base_model.model."
"""Peft's, before the names of the base's own modules."""


def own_dtype(base: BaseModel) -> MergedDtype:
    """Return the number format of a base's weights, float32 where its config.json says none."""
    said = read_config(base).get_text_config().dtype
    return next((name for name, dtype in _FORMATS.items() if dtype == said), "float32")


def exact_dtype(base: BaseModel) -> Dtype:
    """Return the number format in which a base can be loaded without rounding its weights."""
    return "bfloat16" if own_dtype(base) == "bfloat16" else "float32"


def write_merged_folder(
    folder: Path,
    model: PeftModel,
    base: BaseModel,
    *,
    types: Sequence[str],
    card: str,
    dtype: MergedDtype,
) -> None:
    """Write a model with its adapter in its weights; it holds no adapter afterwards.

    Args:
        folder: New or empty.
        model: With the adapter in it, loaded in `exact_dtype`.
        base: What it was loaded from.
        types: Channels of its head; none of a model that writes.
        card: Its model card.
        dtype: Of the weights on disk.

    Raises:
        InputError: The folder holds something already.
        ModelError: A weight is too large for the number format.
        StoreError: The disk refuses; nothing is left.
    """
    with exported_folder(folder, card=card) as new, quietly():
        plain = _merged(model, _FORMATS[dtype])
        plain.config = _config(base, types)
        plain.save_pretrained(new)
        for file in new.glob("*.safetensors"):
            # Transformers lets nobody but the owner read them, and they are to be handed over.
            file.chmod((new / "config.json").stat().st_mode)
        tokenizer: Any = AutoTokenizer.from_pretrained(
            base.folder, local_files_only=True, trust_remote_code=False
        )
        tokenizer.save_pretrained(new)


@torch.no_grad()
def _merged(model: PeftModel, dtype: torch.dtype) -> PreTrainedModel:
    layers: list[tuple[str, Any]] = [
        (name.removeprefix(_PREFIX), one)
        for name, one in model.named_modules()
        if isinstance(one, LoraLayer)
    ]
    unloaded: Any = model.unload()
    if getattr(unloaded, "is_loaded_in_4bit", False):
        unloaded = unloaded.dequantize()
    # One by one: all changes together are as large as the base.
    for name, layer in layers:
        weight = unloaded.get_submodule(name).weight
        change = layer.get_delta_weight("default").float()
        weight.data = (weight.float() + change).to(dtype)
    plain: PreTrainedModel = unloaded.to(dtype)
    _require_finite(plain, dtype)
    return plain


def _require_finite(plain: PreTrainedModel, dtype: torch.dtype) -> None:
    for name, weight in plain.named_parameters():
        if not weight.isfinite().all():
            raise ModelError(
                f"merged weight {name!r}: found a value that {dtype} cannot hold, expected finite "
                "ones; say --dtype float32"
            )


def _config(base: BaseModel, types: Sequence[str]) -> PretrainedConfig:
    """Return the base's configuration as it lies there, with the head's channels."""
    config = read_config(base)
    if not types:
        return config
    labels = [f"{type_}:{tag}" for type_ in types for tag in _TAGS[:NUM_TAGS]]
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: number for number, label in enumerate(labels)}
    if looks_back_only(config):
        config.is_causal = False
    return config
