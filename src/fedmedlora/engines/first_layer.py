"""What each token gives the layers that read embeddings, whatever stands around it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft.tuners.lora import LoraLayer

from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.training.adapter_slots import lora_layers
from fedmedlora.training.causal_model import CausalModel
from fedmedlora.training.shared_prefix import SideBySide

_ROWS = 1024


class _SeenError(Exception):
    """All that was wanted of a pass has been seen."""


def first_inputs(backbone: HuggingFaceBackbone[Any]) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names of the factors A that read embeddings, and what they read of each token.

    Returns:
        Names, and (tokens, in).
    """
    model: Any = backbone.learner.model
    layers = lora_layers(model, backbone.learner.slots)
    num_tokens = model.get_input_embeddings().num_embeddings
    # A writer's attention asks who sees whom; each token here stands alone.
    layout = {"layout": SideBySide()} if isinstance(backbone.learner, CausalModel) else {}
    names: list[str] = []
    read = []
    for first in range(0, num_tokens, _ROWS):
        ids = torch.arange(first, min(first + _ROWS, num_tokens), device=model.device)[:, None]
        names, inputs = _read(model, layers, ids, layout)
        read.append(inputs)
    return names, np.concatenate(read)


def _read(
    model: Any,  # noqa: ANN401 -- the class depends on the base
    layers: Mapping[str, LoraLayer],
    ids: torch.Tensor,
    layout: Mapping[str, SideBySide],
) -> tuple[list[str], NDArray[np.float64]]:
    with _heard(layers) as (names, seen), torch.inference_mode(), suppress(_SeenError):
        model.get_base_model().base_model(input_ids=ids, use_cache=False, **layout)
    (inputs,) = seen
    return names, inputs[:, 0].double().cpu().numpy()


@contextmanager
def _heard(
    layers: Mapping[str, LoraLayer],
) -> Iterator[tuple[list[str], list[torch.Tensor]]]:
    """Have layers tell what they read, until one reads something else than the first."""
    names: list[str] = []
    seen: list[torch.Tensor] = []

    def listen(name: str, inputs: torch.Tensor) -> None:
        if seen and inputs is not seen[0]:
            raise _SeenError
        if not seen:
            seen.append(inputs)
        names.append(name)

    hooks = [
        layer.register_forward_pre_hook(lambda _, given, name=name: listen(name, given[0]))  # type: ignore[attr-defined]
        for name, layer in layers.items()
    ]
    try:
        yield names, seen
    finally:
        for hook in hooks:
            hook.remove()
