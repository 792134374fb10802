"""The training loop of one site in one round.

At progress p of the whole run, with w the warm-up, the learning rate is its peak times

    p / w                                     while p < w
    (1 + cos(pi (p - w) / (1 - w))) / 2       from then on

Source: cosine decay, SGDR, arXiv 1608.03983, equation 5, without restarts; AdamW, arXiv 1711.05101.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from accelerate import Accelerator

from fedmedlora.errors import TrainingError
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.tasks.batches import Batch, padded, shuffled_batches, sorted_batches
from fedmedlora.tasks.task import IGNORED, Example
from fedmedlora.training.settings import TrainingSettings
from fedmedlora.training.tagging_model import TaggingModel

_LOSS_BATCH_TOKENS = 2048


def rate_factor(progress: float, *, warmup: float) -> float:
    """Return the part of the peak learning rate at a progress in [0, 1] of the whole run."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (progress - warmup) / (1.0 - warmup)))


def train(
    tagger: TaggingModel,
    examples: Sequence[Example],
    plan: LocalPlan,
    *,
    settings: TrainingSettings,
    accelerator: Accelerator,
) -> float:
    """Train the adapter in the model, in place; return the last epoch's loss.

    Args:
        examples: All of the site's; the round takes its part of them.

    Returns:
        Mean loss in nats per label token over the last epoch.

    Raises:
        TrainingError: No label token, or a loss or weight that is not finite.
    """
    parts = settings.rounds_per_epoch
    examples = examples[(plan.round_index - 1) % parts :: parts]
    if not any(example.num_label_tokens for example in examples):
        raise TrainingError("training: found no label token, expected at least one labelled note")
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    optimizer = _optimizer(tagger, settings)
    peaks = [group["lr"] for group in optimizer.param_groups]
    batch_size = settings.batch_size_for(len(examples))
    num_steps = settings.epochs * math.ceil(len(examples) / batch_size)
    step = (plan.round_index - 1) * num_steps
    tagger.model.train()
    loss = 0.0
    for _ in range(settings.epochs):
        epoch_nats, epoch_tokens = 0.0, 0
        for drawn in shuffled_batches(examples, batch_size=batch_size, rng=rng):
            # Half a step in, so that neither the first nor the last step has a rate of zero.
            progress = (step + 0.5) / (plan.num_rounds * num_steps)
            factor = rate_factor(progress, warmup=settings.warmup)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
            batch = padded(drawn, pad_id=tagger.pad_id)
            nats = _step(tagger, batch, optimizer, settings, accelerator)
            epoch_nats, epoch_tokens = epoch_nats + nats, epoch_tokens + batch.num_label_tokens
            step += 1
        loss = epoch_nats / epoch_tokens
    _require_finite_weights(tagger)
    return loss


def mean_loss(tagger: TaggingModel, examples: Sequence[Example], accelerator: Accelerator) -> float:
    """Return the model's mean loss over examples, in nats per label token.

    Raises:
        TrainingError: The examples hold no label token.
    """
    nats, tokens = 0.0, 0
    tagger.model.eval()
    with torch.inference_mode():
        for _, drawn in sorted_batches(examples, max_tokens=_LOSS_BATCH_TOKENS):
            batch = padded(drawn, pad_id=tagger.pad_id)
            nats += float(_batch_nats(tagger, batch, accelerator.device))
            tokens += batch.num_label_tokens
    if not tokens:
        raise TrainingError("validation: found no label token, expected annotated notes")
    return nats / tokens


def _step(
    tagger: TaggingModel,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    settings: TrainingSettings,
    accelerator: Accelerator,
) -> float:
    """Take one step; return the batch's loss in nats, summed."""
    nats = _batch_nats(tagger, batch, accelerator.device)
    value = float(nats.detach())
    if not math.isfinite(value):
        raise TrainingError(
            f"training: found a loss of {value}, expected a finite number; "
            "lower training.learning_rate or training.max_gradient_norm"
        )
    accelerator.backward(nats / max(batch.num_label_tokens, 1))
    accelerator.clip_grad_norm_(tagger.slots.parameters.values(), settings.max_gradient_norm)
    optimizer.step()
    optimizer.zero_grad()
    return value


def _batch_nats(tagger: TaggingModel, batch: Batch, device: torch.device) -> torch.Tensor:
    """Return the summed negative log likelihood of a batch's tags, in nats."""
    logits = tagger.logits(
        torch.from_numpy(batch.input_ids).to(device), torch.from_numpy(batch.attention).to(device)
    )
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 2),
        torch.from_numpy(batch.targets).to(device).flatten(),
        ignore_index=IGNORED,
        reduction="sum",
    )


def _optimizer(tagger: TaggingModel, settings: TrainingSettings) -> torch.optim.Optimizer:
    factors = [p for name, p in tagger.slots.parameters.items() if ".lora_" in name]
    head = [p for name, p in tagger.slots.parameters.items() if ".lora_" not in name]
    rate = settings.learning_rate
    return torch.optim.AdamW(
        [
            {"params": factors, "lr": rate},
            {"params": head, "lr": settings.head_learning_rate or rate},
        ],
        weight_decay=settings.weight_decay,
        fused=True,
    )


def _require_finite_weights(tagger: TaggingModel) -> None:
    for name, parameter in tagger.slots.parameters.items():
        if not torch.isfinite(parameter).all():
            raise TrainingError(
                f"training: found a value that is not finite in {name!r}, expected finite "
                "weights; lower training.learning_rate"
            )
