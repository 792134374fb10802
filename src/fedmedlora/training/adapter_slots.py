"""Where an adapter's tensors sit inside a loaded model, so that adapters can be swapped."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer

from fedmedlora.adapters.weights import AdapterWeights, lora_factor
from fedmedlora.errors import ModelError


def layer_names(model: PeftModel) -> Mapping[str, LoraLayer]:
    """Return the layers with LoRA by the names of their factors A, as in PEFT's files."""
    names = {
        tensor.data_ptr(): name
        for name, tensor in get_peft_model_state_dict(model).items()
        if lora_factor(name) == "A"
    }
    layers = [one for one in model.modules() if isinstance(one, LoraLayer)]
    factors: list[Any] = [one.lora_A["default"] for one in layers]
    return {names[a.weight.data_ptr()]: one for a, one in zip(factors, layers, strict=True)}


class AdapterSlots:
    """The trainable tensors of one PEFT model, under the names of PEFT's own files."""

    def __init__(self, model: PeftModel) -> None:
        parameters = {p.data_ptr(): p for p in model.parameters() if p.requires_grad}
        self.parameters: Mapping[str, torch.nn.Parameter] = {
            name: parameters[tensor.data_ptr()]
            for name, tensor in sorted(get_peft_model_state_dict(model).items())
        }

    def read(self) -> AdapterWeights:
        """Return a copy of the adapter in the model, as float32."""
        return {
            name: parameter.detach().to("cpu", torch.float32).numpy().copy()
            for name, parameter in self.parameters.items()
        }

    def write(self, adapter: AdapterWeights) -> None:
        """Put an adapter into the model.

        Raises:
            ModelError: Names or shapes are not this model's.
        """
        if set(adapter) != set(self.parameters):
            odd = sorted(set(adapter) ^ set(self.parameters))
            raise ModelError(
                f"adapter: found {len(adapter)} tensors, expected {len(self.parameters)}; "
                f"differing: {', '.join(odd[:3])}; use the base and target modules it was made for"
            )
        # All is looked at before anything is written: a refused adapter leaves no trace.
        arrays = {name: self._fitting(name, adapter[name]) for name in self.parameters}
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(torch.from_numpy(arrays[name]))

    def _fitting(self, name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
        expected = tuple(self.parameters[name].shape)
        if values.shape != expected:
            raise ModelError(
                f"adapter parameter {name!r}: found {values.shape}, expected {expected}; "
                "use the base, rank and types it was made for"
            )
        return np.ascontiguousarray(values)
