"""How fast notes are read by mark-up, against transformers' `generate` under the same rule.

A base is trained on an invented hospital for a few rounds, and then reads test notes: every window
for entities, every gold head for relations. Contestants are ours, `generate` in batches with a
cache of keys and the same rule as a logits processor, and `generate` without a rule. The first two
must write the same ids. They take turns in one process, with one model in memory.

python benchmarks/extraction_speed.py --out runs/extraction_speed.json
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.engines.models import OpenModel, open_model
from fedmedlora.experiment.environment import environment
from fedmedlora.experiment.schema import Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.inference.constrained import CopyOrTagProcessor
from fedmedlora.inference.writing import write
from fedmedlora.synthetic.hospitals import synthesize
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.markup import MarkupExample
from fedmedlora.training.causal_model import CausalModel
from fedmedlora.training.shared_prefix import ATTENTION

SITE = "cardiology"
OURS, CONSTRAINED, FREE = "fedmedlora", "generate, same rule", "generate, no rule"
TYPES = (*MAIN_TYPES, *RELATION_TYPES)
_ROOM = 32
"""New ids that an answer may have beside twice its text."""

Answers = list[list[int]]


def main() -> int:
    """Measure, print a table, write JSON; 1 where the two constrained answers differ."""
    options = _options()
    model = Model(base=options.base, formulation="markup")
    training = Training(num_threads=options.threads)
    opened: Any = open_model(model, training, TYPES, seed=0)
    _, site = synthesize()[SITE]
    task = Extraction(opened.formulation, opened.tokenizer, model.window_tokens)
    adapter = _trained(opened, task.examples(site.splits["train"], site.labels), options.rounds)
    notes = site.splits["test"][: options.notes]
    examples = task.examples(notes, site.labels)
    # Puts the adapter into the model.
    opened.backbone.answer(adapter, examples[:1])
    writer = opened.backbone.learner
    contestants: dict[str, Callable[[], Answers]] = {
        OURS: lambda: _ours(writer, examples),
        CONSTRAINED: lambda: _generated(writer, examples, options.batch_size, is_ruled=True),
        FREE: lambda: _generated(writer, examples, options.batch_size, is_ruled=False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    answers: dict[str, Answers] = {name: read() for name, read in contestants.items()}
    for turn in range(options.turns):
        for name in contestants if turn % 2 else reversed(contestants):
            began = time.perf_counter()
            contestants[name]()
            seconds[name].append(time.perf_counter() - began)
    same = sum(a == b for a, b in zip(answers[OURS], answers[CONSTRAINED], strict=True))
    results = {
        name: {
            "notes_per_second": [len(notes) / s for s in own],
            "ratio": [rival / s for rival, s in zip(seconds[CONSTRAINED], own, strict=True)],
            "ids": sum(map(len, answers[name])),
        }
        for name, own in seconds.items()
    }
    sys.stdout.write(_table(results, options, num_examples=len(examples), same=same))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        settings = {key: value for key, value in vars(options).items() if key != "out"}
        document = {**settings, "environment": environment(), "same": same, "rows": results}
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0 if same == len(examples) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--base", default="bundled", help="base model")
    parser.add_argument("--rounds", type=int, default=2, help="passes of training before")
    parser.add_argument("--notes", type=int, default=6, help="notes to read")
    parser.add_argument("--turns", type=int, default=5, help="readings of each contestant")
    parser.add_argument("--batch-size", type=int, default=32, help="of generate")
    parser.add_argument("--threads", type=int, default=2, help="threads")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="figures as JSON")
    return parser.parse_args()


def _trained(
    opened: OpenModel[MarkupExample], examples: Sequence[MarkupExample], rounds: int
) -> AdapterWeights:
    adapter = opened.backbone.initial()
    for number in range(1, rounds + 1):
        adapter = opened.backbone.train(adapter, examples, LocalPlan(0, number, rounds)).adapter
    return adapter


def _ours(writer: CausalModel, examples: Sequence[MarkupExample]) -> Answers:
    written = write(writer.hidden, writer.vocabulary, examples)
    return [answer.tolist() for answer in written]


def _generated(
    writer: CausalModel, examples: Sequence[MarkupExample], batch_size: int, *, is_ruled: bool
) -> Answers:
    """Return the answers of `generate`, in batches of like length, padded on the left."""
    plain: Any = writer.model.get_base_model()
    plain.set_attn_implementation("sdpa")
    answers: Answers = [[]] * len(examples)
    order = sorted(range(len(examples)), key=lambda i: examples[i].alike)
    for first in range(0, len(order), batch_size):
        drawn = [examples[i] for i in order[first : first + batch_size]]
        for i, answer in zip(order[first:], _batch(plain, drawn, is_ruled=is_ruled), strict=False):
            answers[i] = answer
    plain.set_attn_implementation(ATTENTION)
    return answers


def _batch(plain: Any, drawn: Sequence[MarkupExample], *, is_ruled: bool) -> Answers:  # noqa: ANN401 -- as transformers has it
    rows = [[*one.instruction, *one.question] for one in drawn]
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    attention = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    rules = [CopyOrTagProcessor([one.grammar for one in drawn], width)] if is_ruled else []
    # Marks may outnumber the text under the rule; without it an answer could go on for ever.
    most = max(2 * len(one.grammar.text) + _ROOM for one in drawn)
    with torch.inference_mode():
        written = plain.generate(
            input_ids=ids,
            attention_mask=attention,
            logits_processor=rules,
            do_sample=False,
            max_new_tokens=20 * most if is_ruled else most,
        )
    end = drawn[0].grammar.marks.end
    return [_to_end(row, end) for row in written[:, width:].tolist()]


def _to_end(ids: Sequence[int], end: int) -> list[int]:
    return [*ids[: ids.index(end) + 1]] if end in ids else [*ids]


def _table(
    results: dict[str, Any], options: argparse.Namespace, *, num_examples: int, same: int
) -> str:
    measured = (
        f"{options.notes} notes of {SITE}, {num_examples} answers, base {options.base}, "
        f"{options.threads} threads, {options.turns} readings each; minimum / median / maximum."
    )
    lines = [
        measured,
        f"The same ids as `generate` under the same rule: {same} of {num_examples} answers.",
        "",
        f"| contestant | notes a second | times as fast as {CONSTRAINED} | ids written |",
        "|---|---|---|---|",
    ]
    for name, row in results.items():
        speed = " / ".join(f"{value:.2f}" for value in _spread(row["notes_per_second"]))
        ratio = " / ".join(f"{value:.2f}" for value in _spread(row["ratio"]))
        lines.append(f"| {name} | {speed} | {ratio} | {row['ids']} |")
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)


if __name__ == "__main__":
    sys.exit(main())
