"""What every model with LoRA shares: its base loaded whole, adapters on its linear layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from peft.helpers import disable_input_dtype_casting
from transformers import AutoConfig, PreTrainedModel

from fedmedlora.errors import ModelError
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.loading import quietly
from fedmedlora.training.lora_linear import LoraLinear
from fedmedlora.training.settings import Dtype, LoraSettings


@dataclass(frozen=True, slots=True)
class Form:
    """A form in which a base is loaded.

    Attributes:
        loader: transformers' class for it.
        ability: What it can do, for errors.
        attention: Name of an attention function that transformers knows.
        fresh: How the names of weights begin that the base need not have.
        settings: Entries of the base's configuration to be set.
    """

    loader: Any
    ability: str
    attention: str
    fresh: tuple[str, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()


def load_base(base: BaseModel, form: Form) -> PreTrainedModel:
    """Return a base model in a form, in float32 and without dropout.

    Raises:
        ModelError: The base does not have the form, or lacks weights.
    """
    try:
        with quietly():
            model, report = _loaded(base, form)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"model {base.name!r}: found no architecture that can {form.ability} in "
            f"{base.folder}, expected one that transformers knows"
        ) from error
    # What is missing is filled with random numbers, which only a new head may be.
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(form.fresh))
    if missing:
        raise ModelError(
            f"model {base.name!r}: found {len(missing)} weights missing, as {missing[0]!r}, "
            f"expected all that config.json in {base.folder} names; copy the model again"
        )
    return model


def with_lora(
    plain: PreTrainedModel,
    base: BaseModel,
    lora: LoraSettings,
    *,
    kind: TaskType,
    exclude: tuple[str, ...] = (),
) -> PeftModel:
    """Return a model with an untrained adapter on its linear layers.

    Raises:
        ModelError: A target module is not in it.
    """
    settings = LoraConfig(
        task_type=kind,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=_targets(lora),
        exclude_modules=[*exclude],
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


@contextmanager
def products(model: PeftModel, dtype: Dtype) -> Iterator[None]:
    """Compute a model's products in a number format, the adapter's weights staying float32."""
    narrow = dtype == "bfloat16"
    # Peft would widen every layer's input, for autocast to narrow it again.
    with (
        disable_input_dtype_casting(model, active=narrow),
        torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=narrow),
    ):
        yield


def _targets(lora: LoraSettings) -> str | list[str]:
    return lora.target_modules if isinstance(lora.target_modules, str) else [*lora.target_modules]


def _loaded(base: BaseModel, form: Form) -> tuple[PreTrainedModel, dict[str, Any]]:
    settings = AutoConfig.from_pretrained(base.folder, local_files_only=True)
    for name, value in form.settings:
        setattr(settings, name, value)
    for name in settings.to_dict():
        # The frozen base cannot overfit; LoRA has a dropout of its own.
        if "dropout" in name and isinstance(getattr(settings, name), float):
            setattr(settings, name, 0.0)
    loaded: tuple[PreTrainedModel, dict[str, Any]] = form.loader.from_pretrained(
        base.folder,
        config=settings,
        dtype=torch.float32,
        attn_implementation=form.attention,
        local_files_only=True,
        output_loading_info=True,
    )
    return loaded
