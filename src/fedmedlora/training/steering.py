"""The gradients of a training, led as a federation's method wants, see `federation.local_rule`."""

from collections.abc import Mapping

import numpy as np
import torch

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.backbone import Steering


class Wheel:
    """Turns the gradients of a model's trainable tensors between the way back and the step."""

    def __init__(self, parameters: Mapping[str, torch.nn.Parameter], steering: Steering) -> None:
        """Take hold of tensors as they are when training starts."""
        self._frozen = [parameters[name] for name in sorted(steering.frozen)]
        self._trained = {n: p for n, p in parameters.items() if n not in steering.frozen}
        self._proximal = steering.proximal
        self._start = (
            {name: p.detach().clone() for name, p in self._trained.items()}
            if steering.proximal
            else {}
        )
        self._offset = {
            name: torch.tensor(np.asarray(offset), device=self._trained[name].device)
            for name, offset in steering.offset.items()
        }
        self._summed = (
            {n: torch.zeros_like(p) for n, p in self._trained.items()}
            if steering.tells_gradient
            else {}
        )
        self._num_steps = 0

    @torch.no_grad()
    def turn(self) -> None:
        """Lead the gradients that the way back has left in the tensors."""
        self._num_steps += 1
        for parameter in self._frozen:
            parameter.grad = None
        for name, parameter in self._trained.items():
            gradient = parameter.grad
            if gradient is None:
                continue
            if name in self._summed:
                self._summed[name] += gradient
            if name in self._offset:
                gradient += self._offset[name]
            if name in self._start:
                gradient.add_(parameter - self._start[name], alpha=self._proximal)

    def mean_gradient(self) -> AdapterWeights:
        """Return the mean of the gradients before they were led; empty where nobody wants it."""
        return {
            name: (total / self._num_steps).to("cpu", torch.float32).numpy()
            for name, total in self._summed.items()
        }
