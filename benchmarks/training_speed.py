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
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch

from contest.figures import keep, machine, ratios, spread, table, told_aside
from contest.plain_trainer import plain_model, plain_trainer
from contest.turns import Learner, of_ours, take_turns
from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.engines.models import open_model
from fedmedlora.experiment.schema import Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.synthetic.hospitals import synthesize
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.tagging import Tagging, TaggingExample
from fedmedlora.training.base_models import find_base_model
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
    folder = find_base_model("minilm").folder
    trainer = plain_trainer(
        plain_model(folder, TYPES, Model(base="minilm").lora, seed=0),
        folder,
        examples,
        settings,
        dtype,
        batch_size=settings.batch_size,
        by_length=by_length,
    )
    return lambda: trainer.train() and None, lambda: trainer.evaluate()["eval_loss"]


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
