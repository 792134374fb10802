"""How long `audit verify` takes for a run of ten rounds and five sites whose updates were all kept.

The run is made first, on the invented hospitals with the bundled base: under a minute. Seconds are
those of the check alone, after imports.

python benchmarks/verifying.py
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from contest.figures import keep, machine, spread, table, told_aside
from fedmedlora.cli import main as command
from fedmedlora.cli.notes import write_hospitals
from fedmedlora.experiment.verifying import verify

_SITES = ("cardiology", "oncology", "psychiatry", "paediatrics", "orthopaedics")
_ROUNDS = 10
_MOST_S = 2.0
_EXPERIMENT = f"""
[experiment]
name = "verifying"
rounds = {_ROUNDS}
patience = {_ROUNDS}
arms = ["fed_medlora"]

[model]
base = "bundled"

[training]
num_threads = 1
learning_rate = 0.004

[evaluation]
round_notes = 1
final_notes = 2
replicates = 10
drawn_notes = 0

[audit]
ledger = "embedded"
keep_updates = true
"""


def main() -> int:
    """Measure, print a table, and say whether it stayed within its limit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=5, help="checks of the same run")
    told_aside(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = _run(Path(folder))
        seconds, faults = [], 0
        for _ in range(options.times):
            began = time.monotonic()
            verdict = verify(run)
            seconds.append(time.monotonic() - began)
            faults += len(verdict.faults)
    print(f"{_ROUNDS} rounds of {len(_SITES)} sites; {machine()}\n")  # noqa: T201
    counts = [[name, f"{number}"] for name, number in verdict.counts.items()]
    rows = [["seconds", spread(seconds)], ["faults", f"{faults}"], *counts]
    print(table(("what", "of a check"), rows), end="")  # noqa: T201
    keep(options, {"seconds": seconds, "faults": faults, "counts": dict(verdict.counts)})
    return int(faults > 0 or max(seconds) > _MOST_S)


def _run(folder: Path) -> Path:
    write_hospitals(folder / "hospitals", seed=0, num_notes=40)
    file = folder / "verifying.toml"
    entries = "".join(f'[[sites]]\npath = "hospitals/{site}"\n' for site in _SITES)
    file.write_text(_EXPERIMENT + entries, encoding="utf-8")
    if command(["run", str(file), "--out", str(folder / "run")]):
        raise SystemExit("the run that was to be checked failed, see above")
    return folder / "run"


if __name__ == "__main__":
    sys.exit(main())
