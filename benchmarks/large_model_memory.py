"""How much memory a large model takes in training, where a GPU is at hand.

Random weights in the shape of Llama-3.1-8B, kept in four bits; LoRA of rank 16 on all linear
layers, activations computed again on the way back, batches of 4 examples of 800 tokens: the papers'
setting, for which they name 16 GB. Each example has an instruction of its own, so that none is
shared: the most memory that such a batch can take.

python benchmarks/large_model_memory.py --out runs/bench/large_model_memory.json
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from contest.figures import keep, machine, spread, table, told_aside
from contest.llama_shapes import SHAPES, write_llama
from contest.sentences import TYPES, sentence_examples
from contest.turns import seconds_of
from fedmedlora.engines.models import open_model
from fedmedlora.experiment.schema import Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.tasks.answers import WrittenExample

LIMIT = 16e9
"""Bytes that the papers name."""


def main() -> int:
    """Measure, print a table, write JSON; 1 where it takes more than the papers' memory."""
    options, began_on = _options(), machine()
    if not torch.cuda.is_available():
        sys.stdout.write("No CUDA device is at hand: not measured.\n")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        num_weights = write_llama(folder, options.shape)
        model = Model(
            base=name,
            formulation="markup",
            answer_loss="full",
            mark_weight=1.0,
            dtype="bfloat16",
            quantization="4bit",
        )
        training = Training(batch_size=options.batch_size, gradient_checkpointing=True)
        backbone: Any = open_model(model, training, TYPES, seed=0).backbone
    examples = _examples(options.steps * options.batch_size, options.tokens)
    tokens = sum(map(_num_tokens, examples))
    plan = LocalPlan(0, 1, 1)
    rates = [
        tokens / seconds_of(lambda: backbone.train(backbone.initial(), examples, plan))
        for _ in range(options.turns)
    ]
    peak = torch.cuda.max_memory_reserved()
    sys.stdout.write(
        f"{began_on}; {torch.cuda.get_device_name()}. Llama of {num_weights / 1e9:.2f} G weights "
        f"in 4 bits; batches of {options.batch_size} x {options.tokens} tokens; {options.turns} "
        f"passes of {options.steps} steps.\n\n"
    )
    head = ("peak, GB", "at most", "tokens a second")
    row = (f"{peak / 1e9:.2f}", f"{LIMIT / 1e9:.0f}", spread(rates, 0))
    sys.stdout.write(table(head, [row]))
    keep(options, {"peak_bytes": peak, "tokens_per_second": statistics.median(rates)})
    return 0 if peak <= LIMIT else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="8b", help="size of the model")
    parser.add_argument("--batch-size", type=int, default=4, help="examples a step")
    parser.add_argument("--tokens", type=int, default=800, help="of an example")
    parser.add_argument("--steps", type=int, default=5, help="steps a pass")
    parser.add_argument("--turns", type=int, default=5, help="passes")
    told_aside(parser)
    return parser.parse_args()


def _examples(number: int, num_tokens: int) -> list[WrittenExample]:
    """Return examples of exactly so many tokens, no two with the same instruction."""
    drawn = sentence_examples(number, prompt_tokens=num_tokens)
    own = []
    for index, example in enumerate(drawn):
        room = num_tokens - len(example.question) - len(example.completion)
        own.append(replace(example, instruction=(index, *example.instruction[: room - 1])))
    return own


def _num_tokens(example: WrittenExample) -> int:
    return len(example.instruction) + len(example.question) + len(example.completion)


if __name__ == "__main__":
    sys.exit(main())
