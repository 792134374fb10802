"""How fast a site trains by mark-up, against TRL's SFTTrainer on the same model and examples.

Sentences of about 30 tokens stand behind an instruction of 400, as in the papers. All contestants
have the same Llama shape of random weights, LoRA on all its linear layers, examples, batch size,
steps, number format and loss: over the answer's tokens, among all of the vocabulary. Their losses
at the start must agree, which shows that it is the same work. Each is a process of its own, the
rival's in an environment of its own (`make bench-setup`); passes take turns.

python benchmarks/markup_training_speed.py --out runs/bench/markup_training_speed.json
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch

from contest.figures import keep, machine, ratios, spread, table, told_aside
from contest.llama_shapes import SHAPES, write_llama
from contest.sentences import PAPER_INSTRUCTION, TYPES, sentence_examples
from contest.turns import Learner, of_another, of_ours, take_turns
from fedmedlora.engines.models import open_model
from fedmedlora.experiment.schema import Lora, Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.tasks.answers import WrittenExample
from fedmedlora.training.precision import resolved
from fedmedlora.training.settings import Dtype

OURS, RIVAL = "fedmedlora", "SFTTrainer"
_PLAIN = {
    "attention": "sdpa",
    "by_length": False,
    "padding_free": False,
    "head_at_answers": False,
}
RIVALS = {
    RIVAL: _PLAIN,
    "SFTTrainer, by length": {**_PLAIN, "by_length": True},
    "SFTTrainer, plain attention": {**_PLAIN, "attention": "eager"},
    "SFTTrainer, padding-free": {**_PLAIN, "padding_free": True},
    "SFTTrainer, changed by us: logits at answers only": {**_PLAIN, "head_at_answers": True},
}
_MEASURED = (RIVAL, "SFTTrainer, by length", "SFTTrainer, changed by us: logits at answers only")
"""Of the rivals; the others were slower on processors and are measured with --all."""

_SAME = {"float32": 1e-4, "bfloat16": 3e-2}
"""Losses at the start that differ by less, in nats, are of the same work. bfloat16 keeps 8 bits,
and the contestants add up in different orders."""
_PROGRAM = Path(__file__).parent / "contest" / "sft_trainer.py"


def main() -> int:
    """Measure, print a table, write JSON; 1 where the losses say that the work is not the same."""
    options = _options()
    if options.gpu and not torch.cuda.is_available():
        sys.stdout.write("No CUDA device is at hand: not measured.\n")
        return 0
    # Read when a process starts and imports torch; the same for all.
    os.environ |= {"GOMP_SPINCOUNT": "20000", "HF_HUB_OFFLINE": "1"}
    began_on = machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        num_weights = write_llama(folder / "base", options.shape)
        examples = sentence_examples(options.examples, prompt_tokens=options.prompt_tokens)
        contestants = {
            name: stack.enter_context(opened)
            for name, opened in _contestants(folder, examples, options).items()
        }
        losses = {name: ask("loss") for name, ask in contestants.items()}
        facts = {name: ask("ready") for name, ask in contestants.items()}
        passes = {name: partial(ask, "pass") for name, ask in contestants.items()}
        seconds = take_turns(passes, options.turns)
        after = {name: ask("loss") for name, ask in contestants.items()}
    rows = {
        name: {
            "examples_per_second": [len(examples) / s for s in own],
            "ratio": ratios(seconds[RIVAL], own),
            "loss": [losses[name], after[name]],
            **facts[name],
        }
        for name, own in seconds.items()
    }
    sys.stdout.write(_described(examples, num_weights, began_on, options) + _rows(rows))
    keep(options, {"num_weights": num_weights, "rows": rows})
    return _verdict(rows, resolved(options.dtype))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="22m", help="size of the model")
    parser.add_argument("--turns", type=int, default=5, help="passes of each contestant")
    parser.add_argument("--examples", type=int, default=48, help="examples a pass")
    parser.add_argument("--batch-size", type=int, default=16, help="examples a step")
    parser.add_argument("--prompt-tokens", type=int, default=PAPER_INSTRUCTION, help="instruction")
    parser.add_argument("--rank", type=int, default=16, help="of the adapter")
    parser.add_argument("--threads", type=int, default=2, help="threads of each contestant")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--gpu", action="store_true", help="only where CUDA is at hand")
    parser.add_argument("--all", action="store_true", help="every setting of the rival")
    parser.add_argument(
        "--rival-python", default=".venv-trl/bin/python", help="of the rival's environment"
    )
    told_aside(parser)
    return parser.parse_args()


def _contestants(
    folder: Path, examples: list[WrittenExample], options: argparse.Namespace
) -> dict[str, Any]:
    """Return how each contestant is started, by name."""
    rows = folder / "examples.json"
    rows.write_text(json.dumps([_row(example) for example in examples]), encoding="utf-8")
    settings = _settings(folder / "base", options)
    started: dict[str, Any] = {OURS: of_ours(_ours, settings, examples)}
    for name in RIVALS if options.all else _MEASURED:
        told = json.dumps({**settings, **RIVALS[name], "examples": str(rows)})
        started[name] = of_another([options.rival_python, str(_PROGRAM), told])
    return started


def _settings(base: Path, options: argparse.Namespace) -> dict[str, Any]:
    training, lora = Training(), Lora(rank=options.rank)
    return {
        "base": str(base),
        "batch_size": options.batch_size,
        "threads": options.threads,
        "dtype": resolved(options.dtype),
        "rank": lora.rank,
        "alpha": lora.alpha,
        "learning_rate": training.learning_rate,
        "warmup": training.warmup,
        "max_gradient_norm": training.max_gradient_norm,
    }


def _row(example: WrittenExample) -> dict[str, list[int]]:
    """Return an example as SFTTrainer takes it when it need not cut text into tokens."""
    before = [*example.instruction, *example.question]
    return {
        "input_ids": [*before, *example.completion],
        "labels": [-100] * len(before) + [*example.completion],
    }


def _ours(
    settings: Mapping[str, Any], examples: list[WrittenExample]
) -> tuple[Learner, dict[str, Any]]:
    """Return what a site does in a round, over and over, from where it stopped."""
    model = Model(
        base=settings["base"],
        formulation="markup",
        answer_loss="full",
        mark_weight=1.0,
        dtype=settings["dtype"],
        lora=Lora(rank=settings["rank"], alpha=settings["alpha"], dropout=0.0),
    )
    training = Training(batch_size=settings["batch_size"], num_threads=settings["threads"])
    backbone: Any = open_model(model, training, TYPES, seed=0).backbone
    adapter = backbone.initial()

    def learn() -> None:
        nonlocal adapter
        adapter = backbone.train(adapter, examples, LocalPlan(0, 1, 1)).adapter

    steps = -(-len(examples) // settings["batch_size"])
    return (learn, lambda: backbone.loss(adapter, examples)), {"steps": steps}


def _described(
    examples: list[WrittenExample], num_weights: int, began_on: str, options: argparse.Namespace
) -> str:
    text = sum(len(example.grammar.text) for example in examples) / len(examples)
    answer = sum(len(example.completion) for example in examples) / len(examples)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"{began_on}; {where}.\nLlama of {num_weights / 1e6:.1f} M weights, "
        f"{resolved(options.dtype)}, LoRA rank {options.rank}; {len(examples)} sentences a pass, "
        f"{text:.0f} tokens each and {answer:.0f} in its answer, behind "
        f"{options.prompt_tokens} of instruction; batches of {options.batch_size}, "
        f"{options.threads} threads, {options.turns} passes each.\n"
        "Minimum / median / maximum.\n\n"
    )


def _rows(rows: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("contestant", "examples a second", f"times as fast as {RIVAL}", "steps", "loss")
    return table(
        head,
        (
            (
                name,
                spread(row["examples_per_second"]),
                spread(row["ratio"]),
                str(row["steps"]),
                "{:.5f} to {:.3f}".format(*row["loss"]),
            )
            for name, row in rows.items()
        ),
    )


def _verdict(rows: Mapping[str, Mapping[str, Any]], dtype: Dtype) -> int:
    faults = list(_faults(rows, dtype))
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


def _faults(rows: Mapping[str, Mapping[str, Any]], dtype: Dtype) -> Iterator[str]:
    for name, row in rows.items():
        before, after = row["loss"]
        apart, enough = abs(before - rows[OURS]["loss"][0]), _SAME[dtype]
        if apart > enough:
            yield f"{name}: found a loss {apart:.1e} nats from ours at the start, expected {enough}"
        if not after < before:
            yield f"{name}: the loss did not fall"
        if row["steps"] != rows[OURS]["steps"]:
            yield f"{name}: found {row['steps']} steps, expected {rows[OURS]['steps']}"


if __name__ == "__main__":
    sys.exit(main())
