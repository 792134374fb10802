"""How fast a site trains, against transformers.Trainer with plain peft LoRA on the same base.

Both take the same examples of an invented hospital, batch size, adapter, rate and threads. Each
contestant is a process of its own that loads once; passes over the examples take turns, and
ratios are of passes of one turn, so that what else the machine does falls on all alike. "auto" is
bfloat16 for both where the machine multiplies it in hardware.

python benchmarks/training_speed.py --out runs/training_speed.json
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import transformers
from peft import LoraConfig, TaskType, get_peft_model
from transformers.trainer_callback import PrinterCallback

from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.engines.models import open_model
from fedmedlora.experiment.environment import environment
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
Learner = tuple[Callable[[], None], Callable[[], float]]
"""One pass over the examples, and the loss on them in nats."""
Figures = dict[str, Any]


def main() -> int:
    """Measure, print a table, write JSON; 1 where a contestant did not learn."""
    options = _options()
    # Read when a process starts and imports torch; the same for all.
    os.environ |= {"GOMP_SPINCOUNT": "20000", "PYTHONWARNINGS": "ignore::FutureWarning"}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(_worker(name, options)) for name in CONTESTANTS}
        # The first answer comes when all is loaded and one pass has warmed up.
        before = {name: worker.recv() for name, worker in workers.items()}
        seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
        for turn in range(options.turns):
            for name in CONTESTANTS if turn % 2 else reversed(CONTESTANTS):
                seconds[name].append(_asked(workers[name], "pass"))
        after = {name: _asked(worker, "loss") for name, worker in workers.items()}
    results = {
        name: {
            "tokens": before[name]["tokens"],
            "dtype": before[name]["dtype"],
            "loss": [before[name]["loss"], after[name]],
            "tokens_per_second": [before[name]["tokens"] / s for s in seconds[name]],
            "ratio": [
                rival / own for rival, own in zip(seconds[TRAINER], seconds[name], strict=True)
            ],
        }
        for name in CONTESTANTS
    }
    sys.stdout.write(_table(results, options))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        settings = {key: value for key, value in vars(options).items() if key != "out"}
        document = {**settings, "environment": environment(), "rows": results}
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    unlearnt = [name for name, row in results.items() if not row["loss"][1] < row["loss"][0]]
    sys.stderr.writelines(f"{name}: the loss did not fall\n" for name in unlearnt)
    return 1 if unlearnt else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=5, help="passes of each contestant")
    parser.add_argument("--examples", type=int, default=192, help="examples a pass")
    parser.add_argument("--batch-size", type=int, default=16, help="examples a step")
    parser.add_argument("--threads", type=int, default=2, help="threads of each contestant")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="figures as JSON")
    return parser.parse_args()


@contextmanager
def _worker(name: str, options: argparse.Namespace) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(name, options, there), daemon=True)
    process.start()
    there.close()
    yield here
    here.send("stop")
    process.join()


def _asked(worker: Connection, question: Literal["pass", "loss"]) -> float:
    worker.send(question)
    answer: float = worker.recv()
    return answer


def _serve(name: str, options: argparse.Namespace, pipe: Connection) -> None:
    """Answer with the seconds of a pass, or with a loss, until told to stop."""
    # What foreign code prints is talk.
    sys.stdout = sys.stderr
    settings = Training(batch_size=options.batch_size, num_threads=options.threads)
    examples = _examples(options.examples)
    dtype = resolved("auto" if name in (OURS_AUTO, TRAINER_AUTO) else "float32")
    if name in (OURS, OURS_AUTO):
        learn, loss = _ours(examples, settings, dtype)
    else:
        learn, loss = _trainer(examples, settings, dtype, by_length=name == GROUPED)
    first_loss = loss()
    learn()
    tokens = sum(len(example.input_ids) for example in examples)
    pipe.send({"loss": first_loss, "tokens": tokens, "dtype": dtype})
    while (question := pipe.recv()) != "stop":
        began = time.perf_counter()
        answer = learn() if question == "pass" else loss()
        pipe.send(time.perf_counter() - began if answer is None else answer)


def _examples(number: int) -> list[TaggingExample]:
    """Return some of a site's examples, windows and heads, drawn evenly from all of them."""
    tokenizer = HuggingFaceTokenizer(find_base_model("minilm").folder)
    task = Extraction(Tagging(TYPES, tokenizer), tokenizer, Model(base="minilm").window_tokens)
    _, site = synthesize()[SITE]
    examples = task.examples(site.splits["train"], site.labels)
    return examples[:: max(1, len(examples) // number)][:number]


def _ours(examples: Sequence[TaggingExample], settings: Training, dtype: Dtype) -> Learner:
    """Return what a site does in a round, over and over, from where it stopped."""
    model = Model(base="minilm", formulation="tagging", dtype=dtype)
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


def _table(results: Figures, options: argparse.Namespace) -> str:
    measured = f"{options.turns} passes each over {options.examples} examples of {SITE}"
    lines = [
        f"{measured}, batches of {options.batch_size}, {options.threads} threads.",
        "Minimum / median / maximum; the losses of the two are of different kinds.",
        "",
        "| contestant | computes in | tokens a second | times as fast as Trainer, float32 | loss |",
        "|---|---|---|---|---|",
    ]
    for name, row in results.items():
        speed = " / ".join(f"{value:.0f}" for value in _spread(row["tokens_per_second"]))
        ratio = " / ".join(f"{value:.2f}" for value in _spread(row["ratio"]))
        loss = "{:.3f} to {:.3f}".format(*row["loss"])
        lines.append(f"| {name} | {row['dtype']} | {speed} | {ratio} | {loss} |")
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)


if __name__ == "__main__":
    sys.exit(main())
