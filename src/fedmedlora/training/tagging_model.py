"""Any Hugging Face encoder or decoder as a tagger: LoRA on its layers, one head of channels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from peft.helpers import disable_input_dtype_casting
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel

from fedmedlora.errors import ModelError
from fedmedlora.tasks.tagging import NUM_TAGS
from fedmedlora.training.adapter_slots import AdapterSlots
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.loading import quietly
from fedmedlora.training.lora_linear import LoraLinear
from fedmedlora.training.settings import Dtype, LoraSettings
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

_HEADS = ("classifier", "score")
_OUTSIDE_BIAS = 4.0
"""Logit of O in a fresh head: most tokens are outside, and a head that starts there does not
spend its first rounds on learning it.

Source: the prior initialisation of RetinaNet, arXiv 1708.02002, section 3.3.
"""


@dataclass(frozen=True, slots=True)
class TaggingModel:
    """A base model with LoRA and a tagging head.

    Attributes:
        types: The head's channels.
        num_positions: The most tokens the base can read at once; None where it sets no limit.
        dtype: Of the frozen base and of products; adapter and head are float32 always.
    """

    model: PeftModel
    slots: AdapterSlots
    pad_id: int
    types: tuple[str, ...]
    num_positions: int | None
    dtype: Dtype

    def logits(self, input_ids: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
        """Return (batch, length, channels, tags), as float32."""
        narrow = self.dtype == "bfloat16"
        # Peft would widen every layer's input, for autocast to narrow it again.
        with (
            disable_input_dtype_casting(self.model, active=narrow),
            torch.autocast(input_ids.device.type, dtype=torch.bfloat16, enabled=narrow),
        ):
            flat: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention).logits
        return flat.float().view(*flat.shape[:2], len(self.types), NUM_TAGS)


def load_tagging_model(
    base: BaseModel,
    tokenizer: HuggingFaceTokenizer,
    types: tuple[str, ...],
    *,
    lora: LoraSettings,
    dtype: Dtype,
    seed: int,
) -> TaggingModel:
    """Return a base model ready to be trained; the same seed gives the same bytes.

    Raises:
        ModelError: The base has no token classification form, lacks weights, or a target module is
            not in it.
    """
    torch.manual_seed(seed)
    plain = _token_classifier(base, len(types) * NUM_TAGS)
    head = next(name for name in _HEADS if hasattr(plain, name))
    with torch.no_grad():
        getattr(plain, head).bias.view(len(types), NUM_TAGS)[:, 0] = _OUTSIDE_BIAS
    num_positions = _num_positions(plain)
    # Frozen weights are narrowed once; autocast would narrow them anew in every step.
    plain.base_model.to(torch.bfloat16 if dtype == "bfloat16" else torch.float32)
    model = _with_lora(plain, head, base, lora)
    return TaggingModel(model, AdapterSlots(model), tokenizer.pad_id, types, num_positions, dtype)


def _with_lora(plain: PreTrainedModel, head: str, base: BaseModel, lora: LoraSettings) -> PeftModel:
    settings = LoraConfig(
        task_type=TaskType.TOKEN_CLS,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_targets(lora),
        exclude_modules=[head],
    )
    settings._register_custom_module({torch.nn.Linear: LoraLinear})  # noqa: SLF001 -- peft's way in
    try:
        with quietly():
            return cast("PeftModel", get_peft_model(plain, settings))
    except ValueError as error:
        raise ModelError(
            f"model {base.name!r}: found no linear layers for target_modules "
            f'{lora.target_modules!r}, expected names of its own layers or "all-linear"'
        ) from error


def _targets(lora: LoraSettings) -> str | list[str]:
    return lora.target_modules if isinstance(lora.target_modules, str) else [*lora.target_modules]


def _token_classifier(base: BaseModel, num_labels: int) -> PreTrainedModel:
    try:
        with quietly():
            model, report = _loaded(base.folder, num_labels)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"model {base.name!r}: found no architecture that can tag tokens in {base.folder}, "
            "expected an encoder or decoder that transformers knows"
        ) from error
    # What is missing is filled with random numbers, which only the new head may be.
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(_HEADS))
    if missing:
        raise ModelError(
            f"model {base.name!r}: found {len(missing)} weights missing, as {missing[0]!r}, "
            f"expected all that config.json in {base.folder} names; copy the model again"
        )
    return model


def _loaded(folder: Path, num_labels: int) -> tuple[PreTrainedModel, dict[str, Any]]:
    settings = AutoConfig.from_pretrained(folder, num_labels=num_labels, local_files_only=True)
    for name in settings.to_dict():
        # The frozen base cannot overfit; LoRA has a dropout of its own.
        if "dropout" in name and isinstance(getattr(settings, name), float):
            setattr(settings, name, 0.0)
    loaded: tuple[PreTrainedModel, dict[str, Any]] = (
        AutoModelForTokenClassification.from_pretrained(
            folder,
            config=settings,
            dtype=torch.float32,
            attn_implementation=_attention(),
            local_files_only=True,
            output_loading_info=True,
        )
    )
    return loaded


def _attention() -> str:
    # Fused attention on a CPU takes longer than the plain one on sentences, ten times in bfloat16.
    return "sdpa" if torch.cuda.is_available() else "eager"


def _num_positions(model: PreTrainedModel) -> int | None:
    limit: int | None = getattr(model.config, "max_position_embeddings", None)
    for name, module in model.named_modules():
        if limit is not None and name.endswith(".position_embeddings"):
            # RoBERTa and its kin number positions from behind the padding index.
            first = getattr(module, "padding_idx", None)
            limit -= 0 if first is None else first + 1
    return limit
