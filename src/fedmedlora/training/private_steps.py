"""Steps of a training that hide each unit of a site: DP-SGD on what is trained.

    S   each of the N units with probability q on its own; of a drawn unit one example x_i
    g_i = the gradient of the mean loss of x_i over its own label tokens, by itself
    g   = ( sum_{i in S} g_i min(1, C / |g_i|)  +  sigma C z ) / (q N)      z normal, of variance 1

What g is divided by is what is expected, not what was drawn, and a step that draws nobody is a step
of noise. A row whose gradient is not finite counts as zero. Rows share nothing: no instruction that
is read once, no mean over tokens of a batch, for then a row's gradient would depend on the others
and |g_i| <= C would bound nothing.

Source: Abadi et al. (arXiv 1607.00133), Algorithm 1; gradients by row from the hooks of Opacus
1.6.0, opacus/grad_sample/grad_sample_module.py.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fedmedlora.errors import ModelError
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.tasks.task import ExampleT
from fedmedlora.training.lora_linear import called_by_parts
from fedmedlora.training.settings import TrainingSettings
from fedmedlora.training.steering import Wheel
from fedmedlora.training.trainer import Learner, optimizer_of, rate_factor, require_finite_weights

Parameters = Mapping[str, torch.nn.Parameter]

_ROUNDING = 1e-6


class Randomness(Protocol):
    """Where draws and noise come from, see `privacy.randomness`."""

    def uniform(self, number: int) -> NDArray[np.float64]:
        """Return numbers, each of [0, 1) alike."""
        ...

    def normal(self, number: int) -> NDArray[np.float64]:
        """Return independent normal numbers of mean 0 and variance 1."""
        ...


@dataclass(frozen=True, slots=True)
class PrivateSteps:
    """How a round's private steps are taken.

    Attributes:
        number: How many.
        rate: q.
        noise_multiplier: sigma.
        clip: C.
    """

    number: int
    rate: float
    noise_multiplier: float
    clip: float


def train_privately(
    learner: Learner[ExampleT],
    units: Sequence[Sequence[ExampleT]],
    plan: LocalPlan,
    steps: PrivateSteps,
    *,
    settings: TrainingSettings,
    randomness: Randomness,
    wheel: Wheel,
    frozen: frozenset[str] = frozenset(),
) -> None:
    """Train what is to be trained in the model, in place, hiding each unit.

    Args:
        units: The training examples of each unit of the site.
        settings: Of them the rates, their schedule, and how many rows are computed at once.
        frozen: Names of tensors that are not trained.

    Raises:
        TrainingError: A weight is not finite.
        ModelError: A layer's gradients by row cannot be had.
    """
    torch.manual_seed(plan.seed)
    optimizer = optimizer_of(learner, settings)
    peaks = [group["lr"] for group in optimizer.param_groups]
    learner.model.train()
    trained = {n: p for n, p in learner.slots.parameters.items() if n not in frozen}
    with _left_alone(learner.slots.parameters, frozen), _heard(learner.model):
        for step in range(steps.number):
            progress = ((plan.round_index - 1) + (step + 0.5) / steps.number) / plan.num_rounds
            factor = rate_factor(progress, warmup=settings.warmup)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
            rows = drawn(units, steps.rate, randomness)
            sums = _summed(learner, trained, rows, steps.clip, settings.batch_size)
            _add_noise(trained, sums, steps, randomness, expected=steps.rate * len(units))
            wheel.turn()
            optimizer.step()
            optimizer.zero_grad()
    require_finite_weights(learner)


def drawn(
    units: Sequence[Sequence[ExampleT]], rate: float, randomness: Randomness
) -> list[ExampleT]:
    """Return one example, at random, of each unit that a step draws."""
    chances, choices = randomness.uniform(len(units)), randomness.uniform(len(units))
    return [
        unit[int(choice * len(unit))]
        for unit, chance, choice in zip(units, chances, choices, strict=True)
        if chance < rate and unit
    ]


def row_gradients(
    learner: Learner[ExampleT], trained: Parameters, rows: Sequence[ExampleT]
) -> dict[str, torch.Tensor]:
    """Return each row's own gradient, by tensor, (rows, *shape), as float32.

    The model must be listened to, as `train_privately` does.

    Raises:
        ModelError: There is none for some tensor.
    """
    # The hooks take each row's own gradient out of the sum's.
    learner.row_objectives(rows).sum().backward()  # type: ignore[no-untyped-call]
    gradients = {}
    for name, parameter in trained.items():
        told: Any = getattr(parameter, "grad_sample", None)
        if told is None:
            raise ModelError(
                f"training in private: found no gradient by row of {name!r}, expected one of each "
                'tensor that is trained; take other target_modules, or privacy.mode = "none"'
            )
        gradients[name] = told.float()
        parameter.grad_sample = None  # type: ignore[attr-defined]
        parameter.grad = None
    return gradients


def clipped_sum(gradients: Mapping[str, torch.Tensor], clip: float) -> dict[str, torch.Tensor]:
    """Return the sum of rows, each scaled down to an L2 norm over all tensors; zero if not finite.

    Args:
        gradients: By tensor, (rows, *shape).
    """
    squares = [one.flatten(1).square().sum(1) for one in gradients.values()]
    norms = torch.stack(squares).sum(0).sqrt()
    usable = torch.isfinite(norms)
    # Rounding must not lift a row above the bound.
    factors = clip / torch.clamp(norms * (1 + _ROUNDING), min=clip)
    return {
        name: torch.einsum("r,r...->...", factors[usable], one[usable])
        for name, one in gradients.items()
    }


@contextmanager
def _heard(model: torch.nn.Module) -> Iterator[None]:
    """Have every layer that is trained tell the gradients of each row."""
    hooks_of = _opacus()
    with called_by_parts(model), warnings.catch_warnings():
        # The first layers' inputs need no gradient, which torch finds worth a word.
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        hooks = hooks_of(model, loss_reduction="sum", strict=False)
        try:
            yield
        finally:
            hooks.cleanup()


@contextmanager
def _left_alone(parameters: Parameters, frozen: frozenset[str]) -> Iterator[None]:
    """Have some tensors need no gradient, so that none by row is piled up in them."""
    for name in frozen:
        parameters[name].requires_grad_(False)  # noqa: FBT003 -- torch's way
    try:
        yield
    finally:
        for name in frozen:
            parameters[name].requires_grad_(True)  # noqa: FBT003


def _summed(
    learner: Learner[ExampleT],
    trained: Parameters,
    rows: Sequence[ExampleT],
    clip: float,
    rows_at_once: int,
) -> dict[str, torch.Tensor]:
    """Return the sum of the rows' clipped gradients; zeros without any row."""
    sums = {name: torch.zeros_like(p, dtype=torch.float32) for name, p in trained.items()}
    for first in range(0, len(rows), rows_at_once):
        gradients = row_gradients(learner, trained, rows[first : first + rows_at_once])
        for name, part in clipped_sum(gradients, clip).items():
            sums[name] += part
    return sums


def _add_noise(
    trained: Parameters,
    sums: Mapping[str, torch.Tensor],
    steps: PrivateSteps,
    randomness: Randomness,
    *,
    expected: float,
) -> None:
    """Put sums and noise, over the rows that are expected, into the gradients of tensors."""
    for name, parameter in trained.items():
        noise = steps.noise_multiplier * steps.clip * randomness.normal(parameter.numel())
        total = sums[name].double().cpu() + torch.from_numpy(noise).view(parameter.shape)
        parameter.grad = (total / expected).to(parameter.device, parameter.dtype)


def _opacus() -> Any:  # noqa: ANN401 -- it carries no types
    try:
        from opacus.grad_sample.grad_sample_module import (  # noqa: PLC0415 -- optional
            GradSampleHooks,
        )
    except ImportError as error:
        raise ModelError(
            "privacy.mode: found no package opacus, expected it for gradients by row; "
            "pip install '.[privacy]'"
        ) from error
    return GradSampleHooks
