"""Any Hugging Face encoder or decoder as a tagger: LoRA on its layers, one head of channels."""

from dataclasses import dataclass

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedModel

from fedmedlora.errors import ModelError
from fedmedlora.tasks.tagging import NUM_TAGS
from fedmedlora.training.adapter_slots import AdapterSlots
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.settings import LoraSettings
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

_HEADS = ("classifier", "score")
_OUTSIDE_BIAS = 4.0
"""Logit of O in a fresh head: most tokens are outside, and a head that starts there does not
spend its first rounds on learning it.

Source: the prior initialisation of RetinaNet, arXiv 1708.02002, section 3.3.
"""


@dataclass(frozen=True, slots=True)
class TaggingModel:
    """A base model with LoRA and a tagging head; `types` name the head's channels."""

    model: PeftModel
    slots: AdapterSlots
    pad_id: int
    types: tuple[str, ...]

    def logits(self, input_ids: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
        """Return (batch, length, channels, tags)."""
        flat: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention).logits
        return flat.view(*flat.shape[:2], len(self.types), NUM_TAGS)


def load_tagging_model(
    base: BaseModel,
    tokenizer: HuggingFaceTokenizer,
    types: tuple[str, ...],
    *,
    lora: LoraSettings,
    seed: int,
) -> TaggingModel:
    """Return a base model ready to be trained; the same seed gives the same bytes.

    Raises:
        ModelError: The base has no token classification form, or a target module is not in it.
    """
    torch.manual_seed(seed)
    plain = _token_classifier(base, len(types) * NUM_TAGS)
    head = next(name for name in _HEADS if hasattr(plain, name))
    with torch.no_grad():
        getattr(plain, head).bias.view(len(types), NUM_TAGS)[:, 0] = _OUTSIDE_BIAS
    settings = LoraConfig(
        task_type=TaskType.TOKEN_CLS,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_targets(lora),
        exclude_modules=[head],
        modules_to_save=[head],
    )
    try:
        model = get_peft_model(plain, settings)
    except ValueError as error:
        raise ModelError(
            f"model {base.name!r}: found no linear layers for target_modules "
            f'{lora.target_modules!r}, expected names of its own layers or "all-linear"'
        ) from error
    return TaggingModel(model, AdapterSlots(model), tokenizer.pad_id, types)


def _targets(lora: LoraSettings) -> str | list[str]:
    return lora.target_modules if isinstance(lora.target_modules, str) else [*lora.target_modules]


def _token_classifier(base: BaseModel, num_labels: int) -> PreTrainedModel:
    try:
        settings = AutoConfig.from_pretrained(
            base.folder, num_labels=num_labels, local_files_only=True
        )
        model: PreTrainedModel = AutoModelForTokenClassification.from_pretrained(
            base.folder, config=settings, dtype=torch.float32, local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"model {base.name!r}: found no architecture that can tag tokens in {base.folder}, "
            "expected an encoder or decoder that transformers knows"
        ) from error
    return model
