"""What every model with LoRA shares: its base loaded whole, adapters on its linear layers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from peft.helpers import disable_input_dtype_casting
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from transformers import PreTrainedModel

from fedmedlora.errors import ModelError
from fedmedlora.training.base_config import read_config
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.loading import quietly
from fedmedlora.training.lora_linear import LoraLinear
from fedmedlora.training.quantization import keep_as_read, loading_options
from fedmedlora.training.settings import Dtype, LoraSettings, Quantization

_FORMATS: Mapping[Dtype, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


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


def load_base(
    base: BaseModel, form: Form, *, dtype: Dtype, quantization: Quantization
) -> PreTrainedModel:
    """Return a base model in a form, without dropout, its weights read in one number format.

    Raises:
        ModelError: The base does not have the form, lacks weights, or is too large.
    """
    options = loading_options(quantization, _FORMATS[dtype], whole=form.fresh)
    try:
        with quietly():
            model, report = _loaded(base, form, options)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"model {base.name!r}: found too little memory for {base.num_bytes} bytes of weights, "
            'expected room for them; set model.quantization to "4bit", or take a smaller base'
        ) from error
    except (RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"model {base.name!r}: found weights that cannot be read or have other shapes than "
            f"config.json in {base.folder} says, expected what it says; copy the model again"
        ) from error
    except ImportError as error:
        raise ModelError(
            f"model {base.name!r}: found a package missing or not fit for this machine, expected "
            f"what transformers needs to read {base.folder}; for four bits install the extra "
            "`quantization`"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(
            f"model {base.name!r}: found no architecture that can {form.ability} in "
            f"{base.folder}, expected one that transformers knows and its model.safetensors"
        ) from error
    # What is missing is filled with random numbers, which only a new head may be.
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(form.fresh))
    if missing:
        raise ModelError(
            f"model {base.name!r}: found {len(missing)} weights missing, as {missing[0]!r}, "
            f"expected all that config.json in {base.folder} names; copy the model again"
        )
    keep_as_read(model)
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
    # A layer in four bits is an `nn.Linear` too, whose weight only peft's own layer can read.
    if not getattr(plain, "is_loaded_in_4bit", False):
        settings._register_custom_module({torch.nn.Linear: LoraLinear})  # noqa: SLF001 -- the way in
    try:
        with quietly():
            return cast("PeftModel", get_peft_model(plain, settings))
    except ValueError as error:
        raise ModelError(
            f"model {base.name!r}: found no linear layers for target_modules "
            f'{lora.target_modules!r}, expected names of its own layers or "all-linear"'
        ) from error


def recompute_activations(model: PeftModel | PreTrainedModel, dtype: Dtype) -> None:
    """Let every layer keep its input alone in training, and compute the rest again for gradients.

    Args:
        dtype: Of products, the second time as the first.

    Raises:
        ModelError: The base has no layers that can.
    """
    # Peft's model holds that of transformers, which stands alone where peft has no part in it.
    plain: Any = next(one for one in model.modules() if isinstance(one, PreTrainedModel))
    try:
        plain.activation_checkpointing_enable(
            {
                "use_reentrant": False,
                "context_fn": lambda: (nullcontext(), products(model, dtype)),
            }
        )
    except ValueError as error:
        raise ModelError(
            f"training.gradient_checkpointing: found {type(plain).__name__}, whose layers cannot "
            "compute again what they forgot, expected a base that can; set it to false"
        ) from error
    # Each layer has weights of its own to train, so what goes in needs no gradient.
    plain.disable_input_require_grads()


@contextmanager
def rescaled(model: torch.nn.Module, factor: float) -> Iterator[None]:
    """Multiply the alpha / rank of every layer for a while."""
    layers = [one for one in model.modules() if isinstance(one, LoraLayer)]
    before = [dict(layer.scaling) for layer in layers]
    for layer in layers:
        layer.scaling = {name: scaling * factor for name, scaling in layer.scaling.items()}
    try:
        yield
    finally:
        for layer, scaling in zip(layers, before, strict=True):
            layer.scaling = scaling


@contextmanager
def products(model: PeftModel | PreTrainedModel, dtype: Dtype) -> Iterator[None]:
    """Compute a model's products in a number format, the trained weights staying float32."""
    narrow = dtype == "bfloat16"
    # Peft would widen every layer's input, for autocast to narrow it again.
    with (
        disable_input_dtype_casting(model, active=narrow),
        torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=narrow),
    ):
        yield


def _targets(lora: LoraSettings) -> str | list[str]:
    return lora.target_modules if isinstance(lora.target_modules, str) else [*lora.target_modules]


def _loaded(
    base: BaseModel, form: Form, options: Mapping[str, Any]
) -> tuple[PreTrainedModel, dict[str, Any]]:
    settings = read_config(base)
    # A base that reads more than text keeps what is said of text in a part of its own.
    for part in (settings, settings.get_text_config()):
        for name, value in form.settings:
            setattr(part, name, value)
    for name in settings.to_dict():
        # The frozen base cannot overfit; LoRA has a dropout of its own.
        if "dropout" in name and isinstance(getattr(settings, name), float):
            setattr(settings, name, 0.0)
    loaded: tuple[PreTrainedModel, dict[str, Any]] = form.loader.from_pretrained(
        base.folder,
        config=settings,
        attn_implementation=form.attention,
        local_files_only=True,
        trust_remote_code=False,
        # Else transformers would unpickle what lies beside safetensors of another name.
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    return loaded
