from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from fedmedlora.training.lora_linear import LoraLinear

RANK, ALPHA = 2, 6


def wrapped(layer: nn.Linear, *, ours: bool, dropout: float = 0.0) -> Any:  # noqa: ANN401
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=dropout, target_modules=["layer"])
    if ours:
        config._register_custom_module({nn.Linear: LoraLinear})
    host: Any = nn.Module()
    host.layer = layer
    inject_adapter_in_model(config, host)
    return host.layer


def pair(*, bias: bool = True, dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """Our layer and peft's with the same numbers, 5 inputs and 3 outputs."""
    both = []
    for ours in (True, False):
        torch.manual_seed(0)
        layer = wrapped(nn.Linear(5, 3, bias=bias), ours=ours)
        nn.init.normal_(layer.lora_B["default"].weight)
        layer.base_layer.to(dtype)
        both.append(layer)
    return both[0], both[1]


def gradients(layer: Any, x: torch.Tensor) -> list[Any]:  # noqa: ANN401
    x = x.clone().requires_grad_()
    y = layer(x)
    (y.float() * torch.arange(y.numel()).view(y.shape)).sum().backward()
    return [y, x.grad, layer.lora_A["default"].weight.grad, layer.lora_B["default"].weight.grad]


def test_a_layer_by_hand() -> None:
    layer = wrapped(nn.Linear(2, 1, bias=True), ours=True)
    with torch.no_grad():
        layer.base_layer.weight.copy_(torch.tensor([[1.0, 2.0]]))
        layer.base_layer.bias.fill_(0.5)
        layer.lora_A["default"].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        layer.lora_B["default"].weight.copy_(torch.tensor([[1.0, -1.0]]))

    x = torch.tensor([[3.0, 4.0]], requires_grad=True)
    y = layer(x)
    y.sum().backward()

    # x W^T + b = 3 + 8 + 0.5; s = 6 / 2 = 3; h = (3, 4); h B^T = -1
    assert y.tolist() == [[8.5]]
    # g = 1: dA = s B^T x = 3 (1, -1)^T (3, 4); dB = s h; dx = W + s B A = (1 + 3, 2 - 3)
    assert layer.lora_A["default"].weight.grad.tolist() == [[9.0, 12.0], [-9.0, -12.0]]
    assert layer.lora_B["default"].weight.grad.tolist() == [[9.0, 12.0]]
    assert x.grad is not None
    assert x.grad.tolist() == [[4.0, -1.0]]
    assert layer.base_layer.weight.grad is None


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4, 5), (2, 3, 5)])
def test_output_and_gradients_are_those_of_peft(bias: bool, shape: tuple[int, ...]) -> None:
    ours, theirs = pair(bias=bias)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))

    for found, expected in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_under_autocast_products_have_the_frozen_weights_format_and_gradients_are_wide(
    dtype: torch.dtype,
) -> None:
    ours, _ = pair(dtype=dtype)
    _, exact = pair()
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))

    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, *found = gradients(ours, x)

    assert y.dtype == dtype
    for one, other in zip([y.float(), *found], gradients(exact, x), strict=True):
        assert one.dtype == torch.float32
        # 2 ** -bits of the largest term, over the handful that are added.
        bits = 8 if dtype == torch.bfloat16 else 24
        atol = 8 * 2**-bits * float(other.detach().abs().max())
        torch.testing.assert_close(one, other, rtol=0, atol=atol)


def test_what_peft_does_more_is_left_to_peft() -> None:
    ours, theirs = pair()
    x = torch.randn(4, 5)

    for layer in (ours, theirs):
        layer.enable_adapters(enabled=False)
    torch.testing.assert_close(ours(x), theirs(x))
    for layer in (ours, theirs):
        layer.enable_adapters(enabled=True)
        layer.merge()
    torch.testing.assert_close(ours(x), theirs(x))


def test_dropout_still_drops() -> None:
    torch.manual_seed(0)
    layer = wrapped(nn.Linear(5, 3), ours=True, dropout=0.5)
    nn.init.normal_(layer.lora_B["default"].weight)
    x = torch.ones(1, 5)

    layer.train()
    trained = {tuple(layer(x).flatten().tolist()) for _ in range(8)}

    assert len(trained) > 1
    layer.eval()
    assert len({tuple(layer(x).flatten().tolist()) for _ in range(8)}) == 1


def test_nothing_but_input_output_and_rank_wide_tensors_is_kept() -> None:
    ours, _ = pair()
    kept: list[tuple[int, ...]] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        ours(torch.randn(4, 5, requires_grad=True))

    # x, W, A, B and h; nothing of y's shape, (4, 3).
    assert sorted(kept) == sorted([(4, 5), (3, 5), (RANK, 5), (3, RANK), (4, RANK)])
