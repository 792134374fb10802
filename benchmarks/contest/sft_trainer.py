"""TRL's SFTTrainer as a contestant, in an environment of its own: see turns.py for the questions.

python sft_trainer.py '{"base": ..., "examples": ..., ...}'
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Read once, when torch is imported; the same for all contestants.
os.environ |= {"GOMP_SPINCOUNT": "20000", "HF_HUB_OFFLINE": "1"}

import torch
import transformers
import trl
from datasets import Dataset
from peft import LoraConfig, TaskType

IGNORED = -100


def main() -> None:
    """Answer questions until told to stop."""
    told, sys.stdout = sys.stdout, sys.stderr
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    trainer = None
    for question in map(str.strip, sys.stdin):
        if question == "stop":
            return
        trainer = trainer or _trainer(settings)
        told.write(json.dumps(_answer(trainer, question)) + "\n")
        told.flush()


def _answer(trainer: Any, question: str) -> Any:  # noqa: ANN401 -- depends on the question
    if question == "loss":
        return _mean_loss(trainer)
    began = time.perf_counter()
    trainer.train()
    if question == "pass":
        return time.perf_counter() - began
    return {"steps": trainer.state.global_step, "trl": trl.__version__}


def _mean_loss(trainer: Any) -> float:  # noqa: ANN401 -- trl has no types
    """Return nats per label token over all examples; the trainer's own is a mean of batches."""
    nats, tokens = 0.0, 0
    trainer.model.eval()
    with torch.no_grad():
        for batch in trainer.get_eval_dataloader():
            nats += float(trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=1))
            tokens += int((batch["labels"] != IGNORED).sum())
    return nats / tokens


def _trainer(settings: dict[str, Any]) -> Any:  # noqa: ANN401 -- trl has no types
    if settings["head_at_answers"]:
        # On processors it computes the vocabulary's logits at every token of the prompt, too.
        trl.trainer.utils._use_triton = lambda _: True  # noqa: SLF001
    base, on_gpu = settings["base"], torch.cuda.is_available()
    rows = Dataset.from_list(json.loads(Path(settings["examples"]).read_text(encoding="utf-8")))
    trainer = trl.SFTTrainer(
        model=transformers.AutoModelForCausalLM.from_pretrained(
            base,
            dtype=getattr(torch, settings["dtype"]),
            attn_implementation=settings["attention"],
        ),
        args=trl.SFTConfig(
            # Nothing is saved, but it makes the folder.
            output_dir=tempfile.gettempdir(),
            num_train_epochs=1,
            per_device_train_batch_size=settings["batch_size"],
            per_device_eval_batch_size=settings["batch_size"],
            learning_rate=settings["learning_rate"],
            lr_scheduler_type="cosine",
            warmup_steps=settings["warmup"],
            max_grad_norm=settings["max_gradient_norm"],
            weight_decay=0.0,
            # Its default recomputes every layer, which costs a third.
            gradient_checkpointing=False,
            bf16=settings["dtype"] == "bfloat16",
            use_cpu=not on_gpu,
            max_length=None,
            padding_free=settings["padding_free"],
            train_sampling_strategy="group_by_length" if settings["by_length"] else "random",
            prediction_loss_only=True,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=rows,
        eval_dataset=rows,
        processing_class=transformers.AutoTokenizer.from_pretrained(base),
        peft_config=LoraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=settings["rank"],
            lora_alpha=settings["alpha"],
            lora_dropout=0.0,
            target_modules="all-linear",
        ),
    )
    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    return trainer


if __name__ == "__main__":
    main()
