"""transformers.Trainer with plain peft LoRA, as its documentation has it for tagging tokens."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers.trainer_callback import PrinterCallback

from fedmedlora.experiment.schema import Lora, Training
from fedmedlora.tasks.tagging import IGNORED, TaggingExample
from fedmedlora.training.loading import quietly
from fedmedlora.training.settings import Dtype


def plain_model(folder: Path, types: Sequence[str], lora: Lora, *, seed: int) -> PeftModel:
    """Return a base with a fresh head, one label a token, and LoRA on its linear layers."""
    transformers.set_seed(seed)
    with quietly():
        plain = transformers.AutoModelForTokenClassification.from_pretrained(
            folder, num_labels=1 + 2 * len(types), dtype=torch.float32
        )
    heads = ("classifier", "score")
    config = LoraConfig(
        task_type=TaskType.TOKEN_CLS,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        exclude_modules=[*heads],
    )
    return get_peft_model(plain, config)


def plain_trainer(
    model: PeftModel,
    folder: Path,
    examples: Sequence[TaggingExample],
    settings: Training,
    dtype: Dtype,
    *,
    batch_size: int,
    by_length: bool = False,
) -> transformers.Trainer:
    """Return a Trainer of one pass over some examples.

    Args:
        folder: The base's, for its tokenizer.
        dtype: Of products.
        batch_size: Examples a step, instead of the settings'.
        by_length: Whether examples of like length come together.
    """
    rows = [{"input_ids": [*e.input_ids], "labels": labels_of(e)} for e in examples]
    trainer = transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(
            # Nothing is saved, but it makes the folder.
            output_dir=tempfile.gettempdir(),
            num_train_epochs=1,
            per_device_train_batch_size=batch_size,
            per_device_eval_batch_size=batch_size,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=settings.warmup,
            max_grad_norm=settings.max_gradient_norm,
            train_sampling_strategy="group_by_length" if by_length else "random",
            bf16=dtype == "bfloat16",
            use_cpu=not torch.cuda.is_available(),
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=rows,
        eval_dataset=rows,
        data_collator=transformers.DataCollatorForTokenClassification(
            transformers.AutoTokenizer.from_pretrained(folder)
        ),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def labels_of(example: TaggingExample) -> list[int]:
    """Return one label a token, as token classification has it: of the first channel that tags."""
    first = (example.targets > 0).argmax(axis=1)
    tags = example.targets[range(len(first)), first]
    known = (example.targets != IGNORED).any(axis=1)
    labels = np.where(tags > 0, 2 * first + tags, 0)
    return [int(label) for label in np.where(known, labels, IGNORED)]
