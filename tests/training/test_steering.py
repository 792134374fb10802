import numpy as np
import torch

from fedmedlora.federation.backbone import Steering
from fedmedlora.training.steering import Wheel


def parameters(**values: float) -> dict[str, torch.nn.Parameter]:
    made = {name: torch.nn.Parameter(torch.tensor([value])) for name, value in values.items()}
    for one in made.values():
        one.grad = torch.tensor([1.0])
    return made


def gradients(of: dict[str, torch.nn.Parameter]) -> dict[str, float | None]:
    return {name: None if p.grad is None else float(p.grad) for name, p in of.items()}


def test_nothing_is_changed_where_nobody_steers() -> None:
    held = parameters(a=0.5, b=2.0)

    wheel = Wheel(held, Steering())
    wheel.turn()

    assert gradients(held) == {"a": 1.0, "b": 1.0}
    assert wheel.mean_gradient() == {}


def test_a_frozen_tensor_has_no_gradient_to_follow() -> None:
    held = parameters(a=0.5, b=2.0)

    Wheel(held, Steering(frozen=frozenset("a"))).turn()

    assert gradients(held) == {"a": None, "b": 1.0}


def test_a_value_is_drawn_to_where_it_started() -> None:
    held = parameters(a=0.5)
    wheel = Wheel(held, Steering(proximal=3.0))
    held["a"].data += 2.0

    wheel.turn()

    # 1 + 3 * (2.5 - 0.5)
    assert gradients(held) == {"a": 7.0}


def test_an_offset_is_added_and_not_part_of_the_mean_gradient() -> None:
    held = parameters(a=0.5, b=2.0)
    offset = {"a": np.array([-4.0], np.float32)}
    wheel = Wheel(held, Steering(offset=offset, tells_gradient=True))

    wheel.turn()
    led = gradients(held)
    for one in held.values():
        one.grad = torch.tensor([2.0])
    wheel.turn()

    assert led == {"a": -3.0, "b": 1.0}
    # 1 in the first step, 2 in the second
    assert wheel.mean_gradient() == {"a": np.float32(1.5), "b": np.float32(1.5)}
