"""How fast notes are read by mark-up, against transformers' `generate` under the same rule.

A base is trained on an invented hospital for a few rounds, and then reads test notes: every window
for entities, every gold head for relations. Contestants are ours and `generate` in batches with a
cache of keys: with the same rule as a logits processor, with the rule and the instruction's keys
computed once, and without a rule. Those under the rule must write the same ids. They take turns in
one process, with one model in memory.

A shape has random weights in which copying is laid down, as the bundled base had before it was
trained. What counts for speed is how often it marks something: the table tells that of the model
and of the annotation.

python benchmarks/extraction_speed.py --shape 22m --out runs/bench/extraction_speed_22m.json
"""

import argparse
import copy
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import torch
from transformers import DynamicCache

from contest.figures import keep, machine, ratios, spread, table, told_aside
from contest.llama_shapes import SHAPES, write_llama
from contest.sentences import TYPES, behind
from contest.turns import seconds_of, take_turns
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.models import OpenModel, open_model
from fedmedlora.experiment.schema import Model, Training
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.inference.constrained import GrammarProcessor
from fedmedlora.inference.writing import write
from fedmedlora.synthetic.hospitals import synthesize
from fedmedlora.tasks.answers import WrittenExample
from fedmedlora.tasks.copy_or_tag import CopyOrTag
from fedmedlora.training.causal_model import CausalModel
from fedmedlora.training.shared_prefix import ATTENTION

SITE = "cardiology"
OURS, CONSTRAINED, FREE = "fedmedlora", "generate, same rule", "generate, no rule"
ONCE = "generate, same rule, instruction read once"
RULED = (CONSTRAINED, ONCE)
_ROOM = 32
"""New ids that an answer may have beside twice its text."""

Answers = list[list[int]]


def main() -> int:
    """Measure, print a table, write JSON; 1 where the answers under the rule differ."""
    options, began_on = _options(), machine()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        writer, examples = _opened(folder, options)
        contestants: dict[str, Callable[[], Answers]] = {
            OURS: partial(_ours, writer, examples),
            **{
                name: partial(_generated, writer, examples, options.batch_size, name)
                for name in (CONSTRAINED, ONCE, FREE)
            },
        }
        answers = {name: read() for name, read in contestants.items()}
        passes = {name: partial(seconds_of, read) for name, read in contestants.items()}
        seconds = take_turns(passes, options.turns)
    rows = {
        name: {
            "notes_per_second": [options.notes / s for s in own],
            "ratio": ratios(seconds[CONSTRAINED], own),
            "ids": sum(map(len, answers[name])),
        }
        for name, own in seconds.items()
    }
    same = {name: _num_same(answers[OURS], answers[name]) for name in RULED}
    sys.stdout.write(f"{began_on}.\n" + _described(examples, answers[OURS], options))
    sys.stdout.write(_rows(rows, same, len(examples)))
    keep(options, {"same": same, "answers": len(examples), "rows": rows})
    return 0 if set(same.values()) == {len(examples)} else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--base", default="bundled", help="base model")
    parser.add_argument("--shape", choices=SHAPES, help="a Llama of this size in place of a base")
    parser.add_argument("--rounds", type=int, default=2, help="passes of training before")
    parser.add_argument("--mark-weight", type=float, default=3.0, help="of marks, in training")
    parser.add_argument("--notes", type=int, default=24, help="notes to read")
    parser.add_argument(
        "--prompt-tokens", type=int, metavar="N", help="instruction of N tokens, not our own"
    )
    parser.add_argument("--turns", type=int, default=5, help="readings of each contestant")
    parser.add_argument("--batch-size", type=int, default=32, help="of generate")
    parser.add_argument("--threads", type=int, default=2, help="threads")
    told_aside(parser)
    return parser.parse_args()


def _opened(folder: Path, options: argparse.Namespace) -> tuple[CausalModel, list[WrittenExample]]:
    """Return a trained model, and the questions it is to answer."""
    base = options.base
    if options.shape:
        base = str(folder)
        write_llama(folder, options.shape, copies=True)
    model = Model(base=base, formulation="markup", mark_weight=options.mark_weight)
    opened: Any = open_model(model, Training(num_threads=options.threads), TYPES, seed=0)
    _, site = synthesize()[SITE]
    task: Any = opened.task
    adapter = _trained(opened, task.examples(site.splits["train"], site.labels), options.rounds)
    examples = task.examples(site.splits["test"][: options.notes], site.labels)
    if options.prompt_tokens is not None:
        examples = behind(examples, options.prompt_tokens, opened.tokenizer)
    # Puts the adapter into the model.
    opened.backbone.answer(adapter, examples[:1])
    return opened.backbone.learner, examples


def _num_same(own: Answers, other: Answers) -> int:
    return sum(a == b for a, b in zip(own, other, strict=True))


def _trained(
    opened: OpenModel[WrittenExample], examples: Sequence[WrittenExample], rounds: int
) -> AdapterWeights:
    adapter = opened.backbone.initial()
    for number in range(1, rounds + 1):
        adapter = opened.backbone.train(adapter, examples, LocalPlan(0, number, rounds)).adapter
    return adapter


def _ours(writer: CausalModel, examples: Sequence[WrittenExample]) -> Answers:
    written = write(writer.hidden, writer.vocabulary, examples)
    return [answer.values.tolist() for answer in written]


def _generated(
    writer: CausalModel, examples: Sequence[WrittenExample], batch_size: int, name: str
) -> Answers:
    """Return the answers of `generate`, in batches of like length, padded before the question."""
    plain: Any = writer.model.get_base_model()
    plain.set_attn_implementation("sdpa")
    answers: Answers = [[]] * len(examples)
    order = sorted(range(len(examples)), key=lambda i: examples[i].alike)
    for instruction, group in groupby(order, key=lambda i: examples[i].instruction):
        places = list(group)
        read = _read(plain, instruction) if name == ONCE else None
        for first in range(0, len(places), batch_size):
            drawn = places[first : first + batch_size]
            written = _batch(plain, [examples[i] for i in drawn], read, is_ruled=name in RULED)
            for i, answer in zip(drawn, written, strict=True):
                answers[i] = answer
    plain.set_attn_implementation(ATTENTION)
    return answers


def _read(plain: Any, instruction: Sequence[int]) -> DynamicCache:  # noqa: ANN401 -- as transformers has it
    """Return the keys and values of an instruction."""
    with torch.inference_mode():
        ids = torch.tensor([instruction], device=plain.device)
        cache: DynamicCache = plain(ids, past_key_values=DynamicCache()).past_key_values
    return cache


def _batch(
    plain: Any,  # noqa: ANN401 -- as transformers has it
    drawn: Sequence[WrittenExample],
    read: DynamicCache | None,
    *,
    is_ruled: bool,
) -> Answers:
    longest = max(len(one.question) for one in drawn)
    gaps = [longest - len(one.question) for one in drawn]
    ids = [
        [*one.instruction, *[0] * gap, *one.question] for one, gap in zip(drawn, gaps, strict=True)
    ]
    seen = [
        [1] * len(one.instruction) + [0] * gap + [1] * len(one.question)
        for one, gap in zip(drawn, gaps, strict=True)
    ]
    width = len(ids[0])
    rules = [GrammarProcessor([one.grammar for one in drawn], width)] if is_ruled else []
    begun = copy.deepcopy(read)
    if begun is not None:
        begun.batch_repeat_interleave(len(drawn))
    # Marks may outnumber the text under the rule; without it an answer could go on for ever.
    most = max(2 * len(one.grammar.text) + _ROOM for one in drawn)
    with torch.inference_mode():
        written = plain.generate(
            input_ids=torch.tensor(ids, device=plain.device),
            attention_mask=torch.tensor(seen, device=plain.device),
            past_key_values=begun,
            logits_processor=rules,
            do_sample=False,
            max_new_tokens=20 * most if is_ruled else most,
        )
    end = drawn[0].grammar.end
    return [_to_end(row, end) for row in written[:, width:].tolist()]


def _to_end(ids: Sequence[int], end: int) -> list[int]:
    return [*ids[: ids.index(end) + 1]] if end in ids else [*ids]


def _described(
    examples: Sequence[WrittenExample], answers: Answers, options: argparse.Namespace
) -> str:
    marks = [
        sum(
            len(cast("CopyOrTag", one.grammar).run(ids).spans)
            for one, ids in zip(examples, written, strict=True)
        )
        for written in (answers, [one.completion for one in examples])
    ]
    shape = f"Llama shape {options.shape}" if options.shape else f"base {options.base}"
    prompts = sorted({len(one.instruction) for one in examples})
    return (
        f"{shape}; {options.notes} notes of {SITE}, {len(examples)} answers behind instructions of "
        f"{' and '.join(map(str, prompts))} tokens; {marks[0]} spans marked, {marks[1]} annotated; "
        f"{options.threads} threads, batches of {options.batch_size} for generate, {options.turns} "
        "readings each.\nMinimum / median / maximum.\n\n"
    )


def _rows(rows: Mapping[str, Any], same: Mapping[str, int], num_answers: int) -> str:
    head = ("contestant", "notes a second", f"times as fast as {CONSTRAINED}", "ids", "as ours")
    return table(
        head,
        (
            (
                name,
                spread(row["notes_per_second"]),
                spread(row["ratio"]),
                str(row["ids"]),
                f"{same[name]} of {num_answers}" if name in same else "-",
            )
            for name, row in rows.items()
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
