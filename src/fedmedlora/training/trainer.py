"""The training loop of one site in one round.

At progress p of the whole run, with w the warm-up, the learning rate is its peak times

    p / w                                     while p < w
    (1 + cos(pi (p - w) / (1 - w))) / 2       from then on

and of that the factors A take one part in `rate_ratio`, the factors B all, as do a base's own
weights where they are trained.

Source: cosine decay, SGDR, arXiv 1608.03983, equation 5, without restarts; AdamW, arXiv 1711.05101;
unlike rates for A and B, LoRA+, arXiv 2402.12354.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from accelerate import Accelerator
from peft import PeftModel
from transformers import PreTrainedModel

from fedmedlora.adapters.weights import lora_factor
from fedmedlora.errors import TrainingError
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.tasks.batches import shuffled_batches, sorted_batches
from fedmedlora.tasks.task import Example, ExampleT, ExampleT_contra
from fedmedlora.training.adapter_slots import AdapterSlots
from fedmedlora.training.settings import Dtype, TrainingSettings
from fedmedlora.training.steering import Wheel

_LOSS_BATCH_TOKENS = 2048


class Learner(Protocol[ExampleT_contra]):
    """A model of which something is trained, and which can say how far off it is."""

    @property
    def model(self) -> PeftModel | PreTrainedModel:
        """Return the model itself."""
        ...

    @property
    def num_positions(self) -> int | None:
        """Return the most tokens the base can read at once; None where it sets no limit."""
        ...

    @property
    def dtype(self) -> Dtype:
        """Return the number format of products, and of the base where it is frozen."""
        ...

    @property
    def slots(self) -> AdapterSlots:
        """Return where that which is trained sits."""
        ...

    def nats(self, examples: Sequence[ExampleT_contra]) -> torch.Tensor:
        """Return the summed loss of some examples, in nats."""
        ...

    def objective(self, examples: Sequence[ExampleT_contra]) -> torch.Tensor:
        """Return what training makes small, summed over some examples."""
        ...

    def row_objectives(self, examples: Sequence[ExampleT_contra]) -> torch.Tensor:
        """Return what training makes small of each example, over its label tokens, (examples,).

        Each example is a row of its own, and its number follows from it alone.
        """
        ...


def rate_factor(progress: float, *, warmup: float) -> float:
    """Return the part of the peak learning rate at a progress in [0, 1] of the whole run."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (progress - warmup) / (1.0 - warmup)))


def train(
    learner: Learner[ExampleT],
    examples: Sequence[ExampleT],
    plan: LocalPlan,
    *,
    settings: TrainingSettings,
    accelerator: Accelerator,
    wheel: Wheel | None = None,
) -> float:
    """Train what is to be trained in the model, in place; return the last epoch's objective.

    Args:
        examples: All of the site's; the round takes its part of them.
        wheel: Leads the gradients; None leaves them as they are.

    Returns:
        Mean objective in nats per label token over the last epoch.

    Raises:
        TrainingError: No label token, or a loss or weight that is not finite.
    """
    parts = settings.rounds_per_epoch
    examples = examples[(plan.round_index - 1) % parts :: parts]
    if not any(example.num_label_tokens for example in examples):
        raise TrainingError(
            "training: found no label token, expected at least one labelled note that leaves room "
            "for its text in model.window_tokens"
        )
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    optimizer = optimizer_of(learner, settings)
    peaks = [group["lr"] for group in optimizer.param_groups]
    batch_size = settings.batch_size_for(len(examples))
    num_steps = settings.epochs * math.ceil(len(examples) / batch_size)
    step = (plan.round_index - 1) * num_steps
    learner.model.train()
    loss = 0.0
    for _ in range(settings.epochs):
        epoch_nats, epoch_tokens = 0.0, 0
        for drawn in shuffled_batches(examples, batch_size=batch_size, rng=rng):
            # Half a step in, so that neither the first nor the last step has a rate of zero.
            progress = (step + 0.5) / (plan.num_rounds * num_steps)
            factor = rate_factor(progress, warmup=settings.warmup)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
            epoch_nats += _step(learner, drawn, optimizer, settings, accelerator, wheel)
            epoch_tokens += _num_label_tokens(drawn)
            step += 1
        loss = epoch_nats / epoch_tokens
    require_finite_weights(learner)
    return loss


def mean_loss(learner: Learner[ExampleT], examples: Sequence[ExampleT]) -> float:
    """Return the model's mean loss over examples, in nats per label token.

    Raises:
        TrainingError: The examples hold no label token.
    """
    nats, tokens = 0.0, 0
    learner.model.eval()
    with torch.inference_mode():
        for _, drawn in sorted_batches(examples, max_tokens=_LOSS_BATCH_TOKENS):
            if own := _num_label_tokens(drawn):
                nats, tokens = nats + float(learner.nats(drawn)), tokens + own
    if not tokens:
        raise TrainingError("validation: found no label token, expected annotated notes")
    return nats / tokens


def _step(
    learner: Learner[ExampleT],
    drawn: Sequence[ExampleT],
    optimizer: torch.optim.Optimizer,
    settings: TrainingSettings,
    accelerator: Accelerator,
    wheel: Wheel | None,
) -> float:
    """Take one step; return the batch's objective, summed."""
    objective = learner.objective(drawn)
    value = float(objective.detach())
    if not math.isfinite(value):
        raise TrainingError(
            f"training: found a loss of {value}, expected a finite number; "
            "lower the learning rate or training.max_gradient_norm"
        )
    accelerator.backward(objective / max(_num_label_tokens(drawn), 1))
    if wheel is not None:
        wheel.turn()
    accelerator.clip_grad_norm_(learner.slots.parameters.values(), settings.max_gradient_norm)
    optimizer.step()
    optimizer.zero_grad()
    return value


def _num_label_tokens(examples: Sequence[Example]) -> int:
    return sum(example.num_label_tokens for example in examples)


def optimizer_of(learner: Learner[ExampleT], settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return AdamW over what is trained, each part at its peak rate."""
    rate = settings.learning_rate
    rates = {
        "A": rate / settings.rate_ratio,
        "B": rate,
        "base": rate,
        "head": settings.head_learning_rate or rate,
    }
    groups: dict[str, list[torch.nn.Parameter]] = {part: [] for part in rates}
    for name, parameter in learner.slots.parameters.items():
        part = "head" if name in learner.slots.head else lora_factor(name) or "base"
        groups[part].append(parameter)
    return torch.optim.AdamW(
        [{"params": groups[part], "lr": rates[part]} for part in rates if groups[part]],
        weight_decay=settings.weight_decay,
        fused=True,
    )


def require_finite_weights(learner: Learner[ExampleT]) -> None:
    """Check that what was trained can be used.

    Raises:
        TrainingError: A weight is not finite.
    """
    for name, parameter in learner.slots.parameters.items():
        if not torch.isfinite(parameter).all():
            raise TrainingError(
                f"training: found a value that is not finite in {name!r}, expected finite "
                "weights; lower the learning rate"
            )
