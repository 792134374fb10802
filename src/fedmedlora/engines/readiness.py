"""What is known of a base model before its weights are loaded: that it is here and fits.

What can be wrong with it is found by `fedmedlora check` so, and before a run's folder is made; all
but what shows in the weights alone.
"""

from dataclasses import dataclass
from typing import Any

from transformers import PretrainedConfig

from fedmedlora.errors import ModelError
from fedmedlora.experiment.schema import Model
from fedmedlora.tasks.kind import Asked, task_kinds
from fedmedlora.tasks.task import Task
from fedmedlora.training.base_config import (
    num_embeddings,
    num_positions,
    num_seen,
    read_config,
    require_plain_writing,
)
from fedmedlora.training.base_models import BaseModel, find_base_model
from fedmedlora.training.tokenizers import HuggingFaceTokenizer


@dataclass(frozen=True, slots=True)
class ReadyBase:
    """A base model on this machine, how it cuts text, and how it is asked.

    Attributes:
        writes: Whether it answers in writing; one that does not labels words.
    """

    base: BaseModel
    tokenizer: HuggingFaceTokenizer
    task: Task[Any, Any]
    writes: bool


def look_up(model: Model, types: tuple[str, ...], *, digest: str | None = None) -> ReadyBase:
    """Return a base model that can be opened.

    Args:
        types: All that will be asked for.
        digest: What the sha256 of its weights must be; None takes it as it is.

    Raises:
        ModelError: The base is missing or another, its tokenizer is missing or that of another
            base, or a window is longer than it can read.
    """
    base = find_base_model(model.base)
    if digest not in (None, base.digest):
        raise ModelError(
            f"base model {base.name!r}: found sha256 {base.digest}, expected {digest}; install the "
            "base model this adapter was trained on"
        )
    config, tokenizer = read_config(base), HuggingFaceTokenizer(base.folder)
    _require_embeddings(base, tokenizer, num_embeddings(config))
    kind = task_kinds()[model.task]
    writes = kind.writes(model.formulation)
    if writes:
        _require_writing(model, tokenizer, config)
    # With attention of our own every token sees all before it, or it would be another base.
    limits = (num_positions(config), num_seen(config) if writes else None)
    most = min((limit for limit in limits if limit is not None), default=None)
    task = kind.open(
        Asked(
            tokenizer=tokenizer,
            types=types,
            formulation=model.formulation,
            window_tokens=model.window_tokens,
            answer_tokens=model.answer_tokens,
            num_ids=tokenizer.num_ids,
            end_id=tokenizer.end_id,
            most_positions=most,
        )
    )
    require_positions(task, model, most)
    return ReadyBase(base, tokenizer, task, writes)


def require_positions(task: Task[Any, Any], model: Model, most: int | None) -> None:
    """Check that a base can read what a window makes.

    Args:
        most: The most tokens it reads at once; None where it sets no limit.

    Raises:
        ModelError: It cannot.
    """
    needed = task.num_positions
    if most is not None and needed > most:
        raise ModelError(
            f"model.window_tokens: found {model.window_tokens}, for which {needed} tokens must be "
            f"read at once, expected at most the {most} that {model.base!r} reads; take a shorter "
            "window, a shorter answer where the task writes one, or another base"
        )


def _require_embeddings(base: BaseModel, tokenizer: HuggingFaceTokenizer, number: int) -> None:
    if tokenizer.num_ids > number:
        raise ModelError(
            f"tokenizer in {base.folder}: found ids up to {tokenizer.num_ids - 1}, expected at "
            f"most {number - 1}, as the base has {number} embeddings; put its own tokenizer there"
        )


def _require_writing(
    model: Model, tokenizer: HuggingFaceTokenizer, config: PretrainedConfig
) -> None:
    require_plain_writing(model.base, config)
    if tokenizer.end_id is None:
        raise ModelError(
            f"model {model.base!r}: found a tokenizer without an end, expected an eos_token in its "
            'tokenizer_config.json; or set model.formulation to "tagging"'
        )
