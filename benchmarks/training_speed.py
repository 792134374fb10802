"""How fast a site trains, against transformers.Trainer with plain peft LoRA on the same base.

Both take the same examples of an invented hospital, batch size, adapter, rate and threads. Each
contestant is a process of its own that loads once; passes over the examples take turns, and
ratios are of passes of one turn, so that what else the machine does falls on all alike. "auto" is
bfloat16 for both where the machine multiplies it in hardware.

python benchmarks/training_speed.py --out runs/bench/training_speed.json
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch
import transformers
from peft import LoraConfig, TaskType, get_peft_model
from transformers.trainer_callback import PrinterCallback

from contest.figures import keep, machine, ratios, spread, table, told_aside
from contest.turns import Learner, of_ours, take_turns
from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.engines.models import open_model
from fedmedlora.experiment.schema import Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.synthetic.hospitals import synthesize
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.tagging import IGNORED, Tagging, TaggingExample
from fedmedlora.training.base_models import find_base_model
from fedmedlora.training.loading import quietly
from fedmedlora.training.precision import resolved
from fedmedlora.training.settings import Dtype
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

SITE = "cardiology"
OURS, OURS_AUTO = "fedmedlora, float32", "fedmedlora, auto"
TRAINER, GROUPED = "Trainer, float32", "Trainer, float32, by length"
TRAINER_AUTO = "Trainer, auto"
CONTESTANTS = (OURS, TRAINER, GROUPED, OURS_AUTO, TRAINER_AUTO)
TYPES = (*MAIN_TYPES, *RELATION_TYPES)


def main() -> int:
    """Measure, print a table, write JSON; 1 where a contestant did not learn."""
    options = _options()
    # Read when a process starts and imports torch; the same for all.
    os.environ |= {"GOMP_SPINCOUNT": "20000", "PYTHONWARNINGS": "ignore::FutureWarning"}
    began_on = machine()
    with ExitStack() as stack:
        contestants = {
            name: stack.enter_context(of_ours(_contestant, name, options)) for name in CONTESTANTS
        }
        before = {name: ask("loss") for name, ask in contestants.items()}
        facts = {name: ask("ready") for name, ask in contestants.items()}
        passes = {name: partial(ask, "pass") for name, ask in contestants.items()}
        seconds = take_turns(passes, options.turns)
        after = {name: ask("loss") for name, ask in contestants.items()}
    rows = {
        name: {
            **facts[name],
            "loss": [before[name], after[name]],
            "tokens_per_second": [facts[name]["tokens"] / s for s in own],
            "ratio": ratios(seconds[TRAINER], own),
        }
        for name, own in seconds.items()
    }
    sys.stdout.write(_table(rows, options, began_on))
    keep(options, {"rows": rows})
    unlearnt = [name for name, row in rows.items() if not row["loss"][1] < row["loss"][0]]
    sys.stderr.writelines(f"{name}: the loss did not fall\n" for name in unlearnt)
    return 1 if unlearnt else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=5, help="passes of each contestant")
    parser.add_argument("--examples", type=int, default=192, help="examples a pass")
    parser.add_argument("--batch-size", type=int, default=16, help="examples a step")
    parser.add_argument("--threads", type=int, default=2, help="threads of each contestant")
    told_aside(parser)
    return parser.parse_args()


def _contestant(name: str, options: argparse.Namespace) -> tuple[Learner, dict[str, Any]]:
    settings = Training(batch_size=options.batch_size, num_threads=options.threads)
    examples = _examples(options.examples)
    dtype = resolved("auto" if name in (OURS_AUTO, TRAINER_AUTO) else "float32")
    if name in (OURS, OURS_AUTO):
        learner = _ours(examples, settings, dtype)
    else:
        learner = _trainer(examples, settings, dtype, by_length=name == GROUPED)
    return learner, {"tokens": sum(len(one.input_ids) for one in examples), "dtype": dtype}


def _examples(number: int) -> list[TaggingExample]:
    """Return some of a site's examples, windows and heads, drawn evenly from all of them."""
    tokenizer = HuggingFaceTokenizer(find_base_model("minilm").folder)
    task = Extraction(Tagging(TYPES, tokenizer), tokenizer, Model(base="minilm").window_tokens)
    _, site = synthesize()[SITE]
    examples = task.examples(site.splits["train"], site.labels)
    return examples[:: max(1, len(examples) // number)][:number]


def _ours(examples: Sequence[TaggingExample], settings: Training, dtype: Dtype) -> Learner:
    """Return what a site does in a round, over and over, from where it stopped."""
    model = Model(base="minilm", formulation="tagging", mark_weight=1.0, dtype=dtype)
    backbone: Any = open_model(model, settings, TYPES, seed=0).backbone
    adapter = backbone.initial()

    def learn() -> None:
        nonlocal adapter
        adapter = backbone.train(adapter, examples, LocalPlan(0, 1, 1)).adapter

    return learn, lambda: backbone.loss(adapter, examples)


def _trainer(
    examples: Sequence[TaggingExample], settings: Training, dtype: Dtype, *, by_length: bool
) -> Learner:
    """Return the Trainer as its documentation has it for token classification."""
    torch.set_num_threads(settings.num_threads)
    transformers.set_seed(0)
    folder, lora = find_base_model("minilm").folder, Model(base="minilm").lora
    with quietly():
        plain = transformers.AutoModelForTokenClassification.from_pretrained(
            folder, num_labels=1 + 2 * len(TYPES)
        )
    config = LoraConfig(
        task_type=TaskType.TOKEN_CLS,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        exclude_modules=["classifier"],
    )
    rows = [{"input_ids": [*e.input_ids], "labels": _labels(e)} for e in examples]
    trainer = transformers.Trainer(
        model=get_peft_model(plain, config),
        args=transformers.TrainingArguments(
            # Nothing is saved, but it makes the folder.
            output_dir=tempfile.gettempdir(),
            num_train_epochs=1,
            per_device_train_batch_size=settings.batch_size,
            per_device_eval_batch_size=settings.batch_size,
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
    return lambda: trainer.train() and None, lambda: trainer.evaluate()["eval_loss"]


def _labels(example: TaggingExample) -> list[int]:
    """Return one label a token, as token classification has it: of the first channel that tags."""
    first = (example.targets > 0).argmax(axis=1)
    tags = example.targets[range(len(first)), first]
    known = (example.targets != IGNORED).any(axis=1)
    labels = np.where(tags > 0, 2 * first + tags, 0)
    return [int(label) for label in np.where(known, labels, IGNORED)]


def _table(rows: Mapping[str, Any], options: argparse.Namespace, began_on: str) -> str:
    described = (
        f"{began_on}.\n{options.turns} passes each over {options.examples} examples of {SITE}, "
        f"batches of {options.batch_size}, {options.threads} threads.\n"
        "Minimum / median / maximum; the losses of the two are of different kinds.\n\n"
    )
    head = ("contestant", "computes in", "tokens a second", f"times as fast as {TRAINER}", "loss")
    return described + table(
        head,
        (
            (
                name,
                row["dtype"],
                spread(row["tokens_per_second"], 0),
                spread(row["ratio"]),
                "{:.3f} to {:.3f}".format(*row["loss"]),
            )
            for name, row in rows.items()
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
