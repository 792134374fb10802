"""A frozen linear layer with LoRA beside it, computed without passes over its output.

    y = x W^T + b + s h B^T,    h = x A^T,    s = alpha / rank

    dA = s (g B)^T x,    dB = s g^T h,    dx = g W + s (g B) A,    g = dL/dy

Plain peft writes `h B^T`, its scaled copy and the sum as tensors of their own, each as large as y,
and as many again on the way back; here they are added to y and dx where those lie. Nothing else
differs, up to rounding.

Source: LoRA (arXiv 2106.09685), section 4.1, equation 3.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners import lora
from torch.autograd.function import once_differentiable


class LoraLinear(lora.Linear):
    """Peft's layer for `nn.Linear`, with peft's parameters, names and files.

    Attributes:
        by_parts: Whether its factors are called as layers of their own, as plain peft does, so that
            whoever listens to those hears them.
    """

    by_parts = False

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
        """Return the layer's output, (..., out), in the number format of the frozen weight."""
        if args or kwargs or not self._is_plain():
            whole: torch.Tensor = super().forward(x, *args, **kwargs)
            return whole
        (name,) = self.active_adapters
        base, a, b = self.base_layer, self.lora_A[name].weight, self.lora_B[name].weight
        y: torch.Tensor = _product(x, base.weight, base.bias, a, b, self.scaling[name])
        return y

    def _is_plain(self) -> bool:
        """Return whether the formula above is all there is to compute."""
        if self.by_parts or self.merged or self.disable_adapters or len(self.active_adapters) != 1:
            return False
        (name,) = self.active_adapters
        return (
            type(self.base_layer) is torch.nn.Linear
            and isinstance(self.lora_dropout[name], torch.nn.Identity)
            and not self.lora_bias[name]
            and name not in self.lora_variant
        )


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 -- torch hands over what fits
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Return y, (..., out), of x, (..., in), and the factors (rank, in) and (out, rank)."""
        rows = x.reshape(-1, x.shape[-1]).to(weight.dtype)
        a, b = a.to(weight.dtype), b.to(weight.dtype)
        # The frozen weight's format is that of all products; autocast would mix it with its own.
        with torch.autocast(x.device.type, enabled=False):
            h = rows @ a.T
            y = rows @ weight.T if bias is None else torch.addmm(bias, rows, weight.T)
            y.addmm_(h, b.T, alpha=scaling)
        ctx.save_for_backward(rows, weight, a, b, h)
        ctx.scaling, ctx.shape = scaling, x.shape
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ANN401
        """Return the gradients of x and of the two factors."""
        rows, weight, a, b, h = ctx.saved_tensors
        g = gradients[0].reshape(-1, gradients[0].shape[-1])
        of_x = None
        with torch.autocast(g.device.type, enabled=False):
            through_b = (g @ b).mul_(ctx.scaling)
            of_a, of_b = through_b.T @ rows, (g.T @ h).mul_(ctx.scaling)
            if ctx.needs_input_grad[0]:
                of_x = (g @ weight).addmm_(through_b, a).view(ctx.shape)
        return of_x, None, None, of_a, of_b, None


_product: Any = _Product.apply


@contextmanager
def called_by_parts(model: torch.nn.Module) -> Iterator[None]:
    """Have every layer of a model call its factors as layers, for a while."""
    layers = [one for one in model.modules() if isinstance(one, LoraLinear)]
    for layer in layers:
        layer.by_parts = True
    try:
        yield
    finally:
        for layer in layers:
            layer.by_parts = False
