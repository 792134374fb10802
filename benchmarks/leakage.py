"""What known attacks get out of what one site hands in, without privacy and with it.

A set-up in which they work: few notes and many passes. Each note is one sentence of an invented
hospital and a line `Record number 123456`, whose number is annotated as one of four types, drawn:
what can be said of it can only be remembered. Three times as many notes are never trained on.

There is one site and one round, so that the global adapter is what the site handed in.

    open        trained as without privacy
    record E    the same steps of the same size in private: notes as units, epsilon E, delta 1e-5

Rows differ in nothing but [privacy]. A seed decides which notes are trained on, what their numbers
are, and how training begins; of several the table tells the mean, the lowest and the highest.

python benchmarks/leakage.py --seeds 0 1 2 --out runs/bench/leakage.json
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from contest.figures import keep, machine, table, told_aside
from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.clinical.notes import Entity, Labels, Note, SiteNotes
from fedmedlora.engines.leaking import Effort, leakage
from fedmedlora.experiment.store import RunStore
from fedmedlora.formats.site_folder import write_site
from fedmedlora.synthetic.hospitals import synthesize

ROWS = ("open", "record 8", "record 2")
_SITE = "gastroenterology"
_DEALT = 4
_EXPERIMENT = """
[experiment]
name = "leakage"
seed = {seed}
rounds = 1
arms = ["fed_medlora"]
[model]
base = "bundled"
window_tokens = 96
lora = {{ rank = 8, alpha = 32 }}
[training]
epochs = {epochs}
batch_size = 8
learning_rate = 5e-4
num_threads = 1
{privacy}
[evaluation]
round_notes = 1
final_notes = {final_notes}
replicates = 10
drawn_notes = 0
[[sites]]
path = "{site}"
"""


def main() -> int:
    """Run, attack, print a table, write JSON."""
    options, began_on = _options(), machine()
    rows = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            site = _site(options.notes, seed)
            write_site(folder / "site", site, role="train", synthetic=True)
            for row in options.rows:
                rows.append(_row(folder, row, seed, options))
                sys.stderr.write(f"{rows[-1]}\n")
    seconds = sum(row["seconds"] + row["attack_seconds"] for row in rows)
    by_row = [[one for one in rows if one["row"] == row] for row in options.rows]
    sys.stdout.write(f"{began_on}; {seconds:.0f} s\n\n{_table(by_row)}")
    keep(options, {"rows": rows, "notes": options.notes, "epochs": options.epochs})
    return 0


def _row(folder: Path, row: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return what a training under a row's privacy gives away."""
    name = row.replace(" ", "_")
    out, file = folder / name, folder / f"{name}.toml"
    file.write_text(_text(row, seed, folder / "site", options), encoding="utf-8")
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name("fedmedlora")), "run", str(file)]
    subprocess.run([*command, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    trained = time.monotonic()
    (arm,) = json.loads((out / "results.json").read_text(encoding="utf-8"))["arms"]
    with RunStore.open(out) as store:
        found = leakage(store, effort=Effort(candidates=options.candidates))["sites"]
    (attack,) = found[_SITE]
    return {
        "row": row,
        "seed": seed,
        "f1": arm["final"][_SITE]["ner"]["strict"]["f1"] or 0.0,
        "seconds": trained - began,
        "attack_seconds": time.monotonic() - trained,
        **attack,
    }


def _text(row: str, seed: int, site: Path, options: argparse.Namespace) -> str:
    epsilon = row.partition(" ")[2]
    # Two windows a note: as many steps of as many rows as the passes have.
    steps = options.epochs * 2 * options.notes // 8
    privacy = (
        f'[privacy]\nmode = "record"\nepsilon = {epsilon}\nsteps = {steps}\nunits_a_step = 8'
        if epsilon
        else ""
    )
    return _EXPERIMENT.format(
        seed=seed,
        epochs=options.epochs,
        privacy=privacy,
        site=site,
        final_notes=3 * options.notes,
    )


def _site(num_notes: int, seed: int) -> SiteNotes:
    """Return a site with training notes and three times as many test notes of the same kind.

    Of each four with about as much to mark one, drawn, is trained on: a model that saw none of them
    cannot tell which.
    """
    rng = random.Random(7 + seed)  # noqa: S311 -- invented numbers, not keys
    site = synthesize(seed=0)[_SITE][1]
    *notes, dev = (_with_number(one, rng) for one in site.splits["train"][: _DEALT * num_notes + 1])
    notes.sort(key=lambda one: sum(e.end - e.start for e in one.entities) / len(one.text))
    train: list[Note] = []
    test: list[Note] = []
    for first in range(0, len(notes), _DEALT):
        one, *others = rng.sample(notes[first : first + _DEALT], _DEALT)
        train.append(one)
        test += others
    splits = {"train": tuple(train), "dev": (dev,), "test": tuple(test)}
    return replace(site, labels=Labels(MAIN_TYPES, ()), splits=splits)


def _with_number(note: Note, rng: random.Random) -> Note:
    line, _, _ = note.text.partition("\n")
    number = f"{rng.randrange(10**6):06d}"
    text = f"{line}\nRecord number {number}."
    start = text.rindex(number)
    kept = tuple(one for one in note.entities if one.end <= len(line) and one.type in MAIN_TYPES)
    secret = Entity("secret", rng.choice(MAIN_TYPES), start, start + len(number))
    return replace(note, text=text, entities=(*kept, secret), relations=())


def _table(by_row: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    head = [
        "trained",
        "AUC",
        "TPR at 1 % FPR",
        "AUC, calibrated",
        "AUC before training",
        "exposure, bits",
        "before training, bits",
        "token recall",
        "from noise",
        "from public text",
        "strict F1",
        "seconds",
    ]
    return table(head, [_cells(seeds) for seeds in by_row])


def _cells(seeds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a row's figures over all seeds."""
    told = (
        (3, ("membership", "loss", "auc", "value")),
        (3, ("membership", "loss", "tpr", "value")),
        (3, ("membership", "calibrated", "auc", "value")),
        (3, ("membership", "start", "auc", "value")),
        (2, ("exposure", "attacked")),
        (2, ("exposure", "start")),
        (2, ("tokens", "recall")),
        (2, ("tokens", "noise")),
        (2, ("tokens", "public")),
        (3, ("f1",)),
        (0, ("seconds",)),
    )
    return [seeds[0]["row"], *(_spread(seeds, path, digits) for digits, path in told)]


def _spread(seeds: Sequence[Mapping[str, Any]], path: Sequence[str], digits: int) -> str:
    found: list[Any] = [reduce(getitem, path, one) for one in seeds]
    mean, low, high = (f"{of(found):.{digits}f}" for of in (statistics.fmean, min, max))
    return f"{mean} ({low} to {high})" if len(found) > 1 else mean


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--notes", type=int, default=40, help="trained on, and three times as many not; at most 49"
    )
    parser.add_argument("--epochs", type=int, default=25, help="passes over them")
    parser.add_argument("--candidates", type=int, default=199, help="beside each secret")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=[*ROWS])
    told_aside(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
