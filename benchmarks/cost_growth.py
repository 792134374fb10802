"""How cost grows with notes, prompt length and rank: seconds and peak memory.

    notes     a toy base: notes made into examples, one training pass, entities extracted
    prompt    a 22 M shape: one pass over the same sentences behind instructions of 0 to 800 tokens,
              and the same sentences read again
    rank      the same shape and sentences, LoRA of rank 1 to 64

Each row is a process of its own, so that its peak is its own: all it holds, torch and the model
among it. Of more notes than --train-notes only so many are trained on, and that is not told: a
whole pass is as many times as long.

python benchmarks/cost_growth.py --out runs/bench/cost_growth.json
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from contest.figures import keep, machine, table, told_aside
from contest.llama_shapes import SHAPES, write_llama
from contest.sentences import PAPER_INSTRUCTION, TYPES, sentence_examples
from fedmedlora.engines.models import open_model
from fedmedlora.experiment.environment import peak_memory_bytes
from fedmedlora.experiment.schema import Lora, Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.synthetic.hospitals import synthesize

NOTES = (100, 300, 1000, 3000, 10_000)
PROMPTS = (0, 50, 100, 200, 400, 800)
RANKS = (1, 4, 16, 64)
_RANK = 16
_HEAD = ("seconds preparing", "training", "examples a second", "extracting", "peak, GB")

Row = dict[str, Any]


def main() -> None:
    """Measure, print three tables, write JSON."""
    options, began_on = _options(), machine()
    with tempfile.TemporaryDirectory() as folder:
        toy, small = Path(folder) / "toy", Path(folder) / "small"
        write_llama(toy, options.toy, copies=True)
        write_llama(small, options.shape, copies=True)
        measured = {
            "notes": _measured(
                "notes", options.notes, lambda n: partial(_of_notes, str(toy), n, options)
            ),
            "prompt tokens": _measured(
                "prompt tokens",
                options.prompts,
                lambda n: partial(_of_sentences, str(small), n, _RANK, options),
            ),
            "rank": _measured(
                "rank",
                options.ranks,
                lambda n: partial(_of_sentences, str(small), PAPER_INSTRUCTION, n, options),
            ),
        }
    tables = [
        table((what, *_HEAD), map(_cells, rows, rows.values())) for what, rows in measured.items()
    ]
    sys.stdout.write(f"{began_on}; {options.threads} threads.\n\n" + "\n".join(tables))
    keep(options, {"rows": measured})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--toy", choices=SHAPES, default="1m", help="what reads notes")
    parser.add_argument("--shape", choices=SHAPES, default="22m", help="what reads sentences")
    parser.add_argument("--notes", type=int, nargs="*", default=NOTES)
    parser.add_argument("--prompts", type=int, nargs="*", default=PROMPTS, help="in tokens")
    parser.add_argument("--ranks", type=int, nargs="*", default=RANKS)
    parser.add_argument("--train-notes", type=int, default=1000, help="most notes trained on")
    parser.add_argument("--sentences", type=int, default=48, help="of a pass")
    parser.add_argument("--threads", type=int, default=2, help="threads")
    told_aside(parser)
    return parser.parse_args()


def _measured(
    what: str, values: Sequence[int], asked: Callable[[int], Callable[[], Row]]
) -> dict[int, Row]:
    """Return a row for each value, told aside as they come."""
    rows = {}
    for value in values:
        rows[value] = _apart(asked(value))
        sys.stderr.write(f"{what} {value}: {rows[value]}\n")
    return rows


def _apart(measure: Callable[[], Row]) -> Row:
    """Return what is measured in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        row: Row = pool.apply(measure)
    return row


def _of_notes(base: str, num_notes: int, options: argparse.Namespace) -> Row:
    hospitals = synthesize(num_notes=num_notes).values()
    sites = [(site.splits["train"], site.labels) for role, site in hospitals if role == "train"]
    model = Model(base=base, formulation="markup")
    opened: Any = open_model(model, Training(num_threads=options.threads), TYPES, seed=0)
    task: Any = opened.task
    backbone = opened.backbone
    adapter = backbone.initial()
    examples, preparing = _timed(
        lambda: [one for site in sites for one in task.examples(*site, max_heads=0)]
    )
    row = {"examples": len(examples), "preparing": preparing}
    # What reads must know when not to mark: untrained, it writes many times as much.
    some = examples[:: max(1, num_notes // options.train_notes)]
    trained, training = _timed(lambda: backbone.train(adapter, some, LocalPlan(0, 1, 1)))
    adapter = trained.adapter
    if len(some) == len(examples):
        row["training"] = training

    def extract() -> None:
        for notes, labels in sites:
            answer = partial(backbone.answer, adapter)
            task.predict(notes, labels, answer, parts=("ner",))

    _, row["extracting"] = _timed(extract)
    return {**row, "peak": peak_memory_bytes()}


def _of_sentences(base: str, prompt_tokens: int, rank: int, options: argparse.Namespace) -> Row:
    model = Model(
        base=base, formulation="markup", answer_loss="full", mark_weight=1.0, lora=Lora(rank=rank)
    )
    training, plan = Training(num_threads=options.threads), LocalPlan(0, 1, 1)
    backbone: Any = open_model(model, training, TYPES, seed=0).backbone
    examples = sentence_examples(options.sentences, prompt_tokens=prompt_tokens)
    # The first pass warms up.
    adapter = backbone.train(backbone.initial(), examples, plan).adapter
    trained, seconds = _timed(lambda: backbone.train(adapter, examples, plan))
    _, extracting = _timed(lambda: backbone.answer(trained.adapter, examples))
    return {
        "examples": len(examples),
        "training": seconds,
        "extracting": extracting,
        "peak": peak_memory_bytes(),
    }


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what work returns, and its seconds."""
    began = time.perf_counter()
    done = work()
    return done, time.perf_counter() - began


def _cells(value: int, row: Row) -> tuple[str, ...]:
    training, preparing = row.get("training"), row.get("preparing")
    return (
        f"{value:,}",
        "-" if preparing is None else f"{preparing:.2f}",
        "-" if training is None else f"{training:.1f}",
        "-" if training is None else f"{row['examples'] / training:.1f}",
        f"{row['extracting']:.1f}",
        "-" if row["peak"] is None else f"{row['peak'] / 1e9:.2f}",
    )


if __name__ == "__main__":
    main()
