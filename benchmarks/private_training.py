"""What protection costs on the invented hospitals: F1, seconds, bytes.

    open        trained as without privacy
    blind       the server sees the sum of the sites' updates and none of them
    record E    each site hides each of its notes, at epsilon E for the whole run, delta 1e-5
    site E      the server hides each site, at epsilon E, all shares alike

Rows differ in nothing but the protection, and under `record` in the learning rate, which is lower
where there is noise, and in which notes take part: without noise a limit may say it.

python benchmarks/private_training.py --folder runs/private [--notes 1500] [--rows open "record 8"]
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.cli.notes import write_hospitals

SITES = ("cardiology", "oncology", "psychiatry", "paediatrics", "orthopaedics")
ROWS = ("open", "blind", "record 8", "record 2", "site 8")
_SUM = '[aggregation]\nsees = "sum"'
_EXPERIMENT = """
[experiment]
name = "private"
rounds = {rounds}
patience = {rounds}
arms = ["fed_medlora"]
[model]
base = "bundled"
dtype = "auto"
window_tokens = 96
lora = {{ rank = 4, alpha = 16 }}
[training]
min_steps = 16
learning_rate = {rate}
head_learning_rate = {head_rate}
warmup = 0.1
num_threads = 1
{protection}
[evaluation]
round_notes = 4
final_notes = 20
replicates = 100
drawn_notes = 0
[engine]
workers = 2
"""
_SITE = '[[sites]]\npath = "{folder}"\n'


def main() -> None:
    """Run what is missing of the rows and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where notes and runs are kept")
    parser.add_argument("--notes", type=int, help="notes of all hospitals; the demo's without")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=24, help="private steps a round")
    parser.add_argument("--units", type=int, default=16, help="notes a private step, on average")
    parser.add_argument("--rows", nargs="+", default=list(ROWS))
    options = parser.parse_args()
    hospitals = options.folder / "hospitals"
    if not hospitals.exists():
        write_hospitals(hospitals, seed=0, num_notes=options.notes)
    lines = [_line(row, _run(row, hospitals, options)) for row in options.rows]
    head = (
        "| row | epsilon spent, most of a site | F1 entities, mean | lowest site | harmonic mean "
        "| seconds | bytes up a site and round |"
    )
    sys.stdout.write("\n".join([head, "|---" * 7 + "|", *lines]) + "\n")


def _run(row: str, hospitals: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    """Return the results of a row, made now or before."""
    name = row.replace(" ", "_")
    out, file = options.folder / name, options.folder / f"{name}.toml"
    if not (out / "results.json").exists():
        file.write_text(_text(row, hospitals, options), encoding="utf-8")
        command = [str(Path(sys.executable).with_name("fedmedlora")), "run", str(file)]
        subprocess.run([*command, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    results: Mapping[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return results


def _text(row: str, hospitals: Path, options: argparse.Namespace) -> str:
    mode, _, epsilon = row.partition(" ")
    protection = _SUM if mode == "blind" else ""
    if epsilon:
        protection = (
            f'[privacy]\nmode = "{mode}"\nepsilon = {epsilon}\nsteps = {options.steps}\n'
            f"units_a_step = {options.units}"
        )
    noisy = mode == "record"
    told = _EXPERIMENT.format(
        rounds=options.rounds,
        rate=1e-3 if noisy else 4e-3,
        head_rate=3e-3 if noisy else 1e-2,
        protection=protection,
    )
    # Only without noise a limit may say which of the notes take part.
    limit = "" if noisy else "max_heads = 150\nmax_sentences = 400\n"
    folders = (hospitals.resolve() / site for site in SITES)
    return told + "".join(_SITE.format(folder=folder) + limit for folder in folders)


def _line(row: str, results: Mapping[str, Any]) -> str:
    (arm,) = results["arms"]
    scores = [arm["final"][site]["ner"]["strict"]["f1"] for site in SITES]
    sent = [size for one in arm["rounds"] for size in one["bytes_up"].values()]
    said = (results.get("privacy") or {}).get("said", {})
    spent = max((one["epsilon"] for one in said.values()), default=None)
    figures = [
        row,
        "none" if spent is None else f"{spent:.2f}",
        *(f"{figure:.3f}" for figure in (statistics.fmean(scores), min(scores), _harmonic(scores))),
        f"{arm['seconds']:.0f}",
        f"{statistics.fmean(sent):,.0f}",
    ]
    return f"| {' | '.join(figures)} |"


def _harmonic(scores: Sequence[float]) -> float:
    return statistics.harmonic_mean(scores)


if __name__ == "__main__":
    main()
