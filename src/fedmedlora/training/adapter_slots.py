"""Where the tensors that are trained sit inside a loaded model, so that they can be swapped."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer

from fedmedlora.adapters.weights import AdapterWeights, lora_factor
from fedmedlora.errors import ModelError


class AdapterSlots:
    """The trainable tensors of one model."""

    def __init__(
        self, parameters: Mapping[str, torch.nn.Parameter], *, head: Collection[str]
    ) -> None:
        """Take hold of tensors by name.

        Args:
            head: Names of those that the base did not bring along.
        """
        self.parameters: Mapping[str, torch.nn.Parameter] = dict(sorted(parameters.items()))
        self.head = frozenset(head)

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


def lora_slots(model: PeftModel) -> AdapterSlots:
    """Return the slots of a PEFT model, under the names of PEFT's own files."""
    trained = {p.data_ptr(): p for p in model.parameters() if p.requires_grad}
    parameters = {
        name: trained[tensor.data_ptr()]
        for name, tensor in get_peft_model_state_dict(model).items()
    }
    head = [name for name in parameters if lora_factor(name) is None]
    return AdapterSlots(parameters, head=head)


def lora_layers(model: torch.nn.Module, slots: AdapterSlots) -> Mapping[str, LoraLayer]:
    """Return the layers with LoRA by the names of their factors A; none in a model without."""
    names = {parameter.data_ptr(): name for name, parameter in slots.parameters.items()}
    layers = [one for one in model.modules() if isinstance(one, LoraLayer)]
    factors: list[Any] = [one.lora_A["default"] for one in layers]
    return {names[a.weight.data_ptr()]: one for a, one in zip(factors, layers, strict=True)}
