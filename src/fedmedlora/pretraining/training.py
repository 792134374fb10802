"""Training the bundled base: one loop with checkpoints, on whatever device there is."""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from fedmedlora.pretraining.first_weights import laid_down_parameters, lay_down_copying
from fedmedlora.pretraining.recipe import Recipe
from fedmedlora.pretraining.stream import Stream
from fedmedlora.pretraining.usage import usage
from fedmedlora.training.settings import Dtype

logger = logging.getLogger(__name__)

_LOG_EVERY, _SAVE_EVERY = 25, 200
_BETAS = (0.9, 0.95)
_MAX_GRADIENT_NORM = 1.0


def untrained(recipe: Recipe, rows: torch.Tensor | None = None) -> LlamaForCausalLM:
    """Return a model of the recipe's shape that can copy, and knows which tokens are used alike.

    Args:
        recipe: Its shape.
        rows: What is known of each token's `usage`; None for nothing.
    """
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=recipe.vocabulary,
        hidden_size=recipe.width,
        intermediate_size=recipe.inner_width,
        num_hidden_layers=recipe.depth,
        num_attention_heads=recipe.heads,
        max_position_embeddings=recipe.window,
        rope_parameters={"rope_type": "default", "rope_theta": recipe.rope_theta},
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = LlamaForCausalLM(config)
    lay_down_copying(model, rows, seed=recipe.seed)
    return model


def pretrain(
    recipe: Recipe,
    stream: Stream,
    *,
    checkpoint: Path,
    threads: int = 1,
    dtype: Dtype = "float32",
) -> LlamaForCausalLM:
    """Return a model trained by a recipe, going on from a checkpoint where there is one.

    Args:
        recipe: Shape and schedule.
        stream: What it reads.
        checkpoint: File that holds weights, optimiser and step, written now and then.
        threads: On a processor, how many share the windows of a step.
        dtype: Of products; weights and their changes are float32 always.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = untrained(recipe, None if checkpoint.exists() else _rows(recipe, stream))
    torch.nn.Module.to(model, device)
    optimizer = _optimizer(model, recipe)
    first = _restore(checkpoint, model, optimizer)
    weights = torch.ones(recipe.vocabulary, device=device)
    weights[[*stream.alphabet.mark_ids]] = recipe.mark_weight
    # A window each: two threads that share every product wait for each other at each.
    workers = 1 if device.type == "cuda" else min(threads, recipe.windows_a_step)
    share = (max(threads // workers, 1),)
    began = time.monotonic()
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=share) as pool:
        for step in range(first, recipe.steps):
            stage, number = recipe.stage(step)
            if number == 0:
                optimizer = _optimizer(model, recipe)
            for group in optimizer.param_groups:
                group["lr"] = group["share"] * stage.rate(number)
            numbers = range(step * recipe.windows_a_step, (step + 1) * recipe.windows_a_step)
            read = stream.gapped if stage.both_ways and number % 2 else stream.windows
            drawn = [torch.from_numpy(array).to(device) for array in read(numbers)]
            loss = _step(model, optimizer, drawn, weights, pool=pool, workers=workers, dtype=dtype)
            if (step + 1) % _LOG_EVERY == 0:
                seconds_a_step = (time.monotonic() - began) / (step + 1 - first)
                speed = recipe.windows_a_step * recipe.window / seconds_a_step
                logger.info("step %d: %.3f nats a token, %.0f tokens/s", step + 1, loss, speed)
            if (step + 1) % _SAVE_EVERY == 0 or step + 1 == recipe.steps:
                _save(checkpoint, model, optimizer, step + 1)
    model.train(mode=False)
    return model


def _rows(recipe: Recipe, stream: Stream) -> torch.Tensor:
    ids = stream.text.astype(np.int32)
    return usage(ids, recipe.vocabulary, width=recipe.width // 2 - 1, seed=recipe.seed)


def learnt_nats(
    model: LlamaForCausalLM,
    ids: torch.Tensor,
    learnt: torch.Tensor,
    seen: torch.Tensor | None = None,
) -> Iterator[torch.Tensor]:
    """Yield the losses, in nats, of the tokens that are learnt, window by window.

    Args:
        model: The model.
        ids: (windows, window) token ids.
        learnt: (windows, window) bool.
        seen: (windows, window) token ids that are read both ways in place of `ids`; None reads
            `ids`, each token looking back only.
    """
    hidden = hidden_states(model, ids, seen)
    for row, targets, known in zip(hidden, ids, learnt, strict=True):
        # Logits only where there is a loss: most of a step's memory would be theirs.
        logits = model.lm_head(row[:-1][known[1:]]).float()
        yield torch.nn.functional.cross_entropy(logits, targets[1:][known[1:]], reduction="none")


def hidden_states(
    model: LlamaForCausalLM, ids: torch.Tensor, seen: torch.Tensor | None = None
) -> torch.Tensor:
    """Return what the last layer makes of windows, (windows, window, width).

    Args:
        model: The model.
        ids: (windows, window) token ids, each looking back only.
        seen: (windows, window) token ids that are read both ways in place of them.
    """
    read, mask = ids, None
    if seen is not None:
        windows, window = seen.shape
        # Added to the scores of attention: without it a Llama looks back only.
        read, mask = seen, torch.zeros((1, 1, 1, 1), device=seen.device)
        mask = mask.expand(windows, 1, window, window)
    states: torch.Tensor = model.model(
        input_ids=read, attention_mask=mask, use_cache=False
    ).last_hidden_state
    return states


def _step(
    model: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
    drawn: Sequence[torch.Tensor],
    weights: torch.Tensor,
    *,
    pool: Executor,
    workers: int = 1,
    dtype: Dtype = "float32",
) -> float:
    """Take one step on some windows, shared by workers; return the loss in nats a token.

    Args:
        model: Changed in place.
        optimizer: Of its parameters.
        drawn: Of some windows, what `learnt_nats` asks for.
        weights: How much a token counts, by its id.
        pool: Runs the workers.
        workers: Parts that the windows are cut into.
        dtype: Of products.
    """
    parameters = [*model.parameters()]
    share = partial(_share, model, weights, dtype=dtype)
    parts = [*pool.map(share, *(array.chunk(workers) for array in drawn))]
    count = sum(part.count for part in parts)
    for parameter, *gradients in zip(parameters, *(part.gradients for part in parts), strict=True):
        parameter.grad = torch.stack(gradients).sum(0) / count
    torch.nn.utils.clip_grad_norm_(parameters, _MAX_GRADIENT_NORM)
    optimizer.step()
    return sum(part.nats for part in parts) / count


@dataclass(frozen=True, slots=True)
class _Share:
    """What a worker finds: summed losses, how many tokens they count for, and their gradients."""

    nats: float
    count: float
    gradients: Sequence[torch.Tensor]


def _share(
    model: LlamaForCausalLM,
    weights: torch.Tensor,
    ids: torch.Tensor,
    learnt: torch.Tensor,
    seen: torch.Tensor | None = None,
    *,
    dtype: Dtype,
) -> _Share:
    with torch.autocast(ids.device.type, dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
        nats = torch.cat(list(learnt_nats(model, ids, learnt, seen)))
        weight = weights[ids[:, 1:][learnt[:, 1:]]]
        total = (nats * weight).sum()
    # Not `backward`: workers would add to the same gradients at the same time.
    gradients = torch.autograd.grad(total, [*model.parameters()])
    return _Share(float(total.detach()), float(weight.sum()), gradients)


def _optimizer(model: LlamaForCausalLM, recipe: Recipe) -> torch.optim.Optimizer:
    # What was laid down is small numbers, which steps of full size would wipe out at once.
    laid_down = {id(p) for p in laid_down_parameters(model)}
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    groups = [
        {
            "params": [p for p in matrices if id(p) in laid_down],
            "weight_decay": recipe.weight_decay,
            "share": recipe.laid_down_share,
        },
        {
            "params": [p for p in matrices if id(p) not in laid_down],
            "weight_decay": recipe.weight_decay,
            "share": 1.0,
        },
        {"params": vectors, "weight_decay": 0.0, "share": 1.0},
    ]
    return torch.optim.AdamW(groups, betas=_BETAS, fused=True)


def _restore(checkpoint: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer) -> int:
    """Load a checkpoint where there is one; return the steps already taken."""
    if not checkpoint.exists():
        return 0
    state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["steps"])


def _save(
    checkpoint: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, steps: int
) -> None:
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "steps": steps}
    fresh = checkpoint.with_suffix(".fresh")
    torch.save(state, fresh)
    fresh.replace(checkpoint)
