"""What a round costs the coordinator for each site, from ten simulated sites to a thousand.

The sites are no more than the bytes they send. What is measured is all that is done with those:
each update is put on disk, admitted and added up, the sum stored, what it changed written for the
sites, the round recorded. The sum alone is in aggregation.py, the way between processes in
engine.py.

python benchmarks/aggregation_path.py --out runs/bench/aggregation_path.json
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contest.figures import keep, machine, table, told_aside
from contest.peaks import most_held
from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import codecs, encode_update
from fedmedlora.experiment.arms import planned_arms
from fedmedlora.experiment.rounds import run_rounds
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.broadcast import News
from fedmedlora.federation.engine import Outcome, Participant
from fedmedlora.federation.site_round import Sent
from fedmedlora.tasks.counts import NoteCounts
from fedmedlora.tasks.tally import Tally

SITES = (10, 50, 200, 1000)
_MEGABYTE = 1_000_000
_NUM_TENSORS = 64
_BASE = "0" * 64
_EXPERIMENT = """
[experiment]
name = "path"
rounds = {rounds}
patience = 100000
arms = ["fed_medlora"]

[model]
base = "bundled"

[training]

[communication]
codec = "{codec}"
"""
_HEAD = (
    "sites",
    "seconds a round",
    "ms a site",
    "memory beyond the start, MB",
    "KB a site",
    "on disk a site, MB",
)

Row = dict[str, Any]


def main() -> int:
    """Measure, print a table, write JSON."""
    options, began_on = _options(), machine()
    rows = {number: _measured(number, options) for number in options.sites}
    size = f"{options.megabytes:g} MB in float32, as {options.codec} on their way"
    sys.stdout.write(f"{began_on}; updates of {size}\n\n")
    sys.stdout.write(table(_HEAD, (_cells(*row) for row in rows.items())))
    keep(options, {"rows": rows})
    return 0


class Simulated:
    """An engine whose sites send the same update each round."""

    base = _BASE
    num_base_bytes = 1
    num_workers = 1
    dtype = "float32"

    def __init__(self, num_bytes: int, codec: str) -> None:
        """Make ready what the sites send."""
        rng = np.random.default_rng(0)
        shape = (16, num_bytes // 4 // _NUM_TENSORS // 16)
        names = [f"layer{index:02}.lora_A.weight" for index in range(_NUM_TENSORS)]
        self._initial = {name: np.zeros(shape, np.float32) for name in names}
        update = {n: rng.standard_normal(shape, np.float32) * np.float32(1e-3) for n in names}
        self._payload = encode_update(update, codec)
        self.began: list[float] = []

    def initial(self) -> AdapterWeights:
        """Return the adapter every arm starts from."""
        return self._initial

    def train(
        self,
        participants: Sequence[Participant],
        start: AdapterWeights,
        plans: Mapping[str, LocalPlan],
    ) -> Iterator[Outcome]:
        """Yield each participant's outcome, and no two of them the same bytes."""
        self.began.append(time.perf_counter())
        sha256 = adapter_digest(start)
        for number, one in enumerate(participants):
            # A site's own: the last value differs.
            own = self._payload[:-2] + number.to_bytes(2, "little")
            index = plans[one.name].round_index
            yield Outcome(one, Sent(own, None, 1 + number, 0.0, _BASE, sha256, index), "", 0.0)

    def deliver(self, news: News, *, before: str, after: str) -> None:
        """Send nothing."""

    def evaluate(self, *args: object, **named: object) -> Iterator[tuple[str, Tally]]:
        """Yield each site with nothing found."""
        del named
        for site in args[1]:  # type: ignore[attr-defined]
            yield site, Tally(1, NoteCounts())


def _measured(num_sites: int, options: argparse.Namespace) -> Row:
    """Return the seconds of the rounds but the first, the memory beyond the start, the disk."""
    names = [f"site{index:04}" for index in range(num_sites)]
    entries = "".join(f'[[sites]]\nname = "{name}"\npath = "{name}"\n' for name in names)
    engine: Any = Simulated(int(options.megabytes * _MEGABYTE), options.codec)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        file, out = Path(folder) / "path.toml", Path(folder) / "run"
        text = _EXPERIMENT.format(rounds=options.rounds, codec=options.codec)
        file.write_text(text + entries, encoding="utf-8")
        with RunStore.create(out, experiment_path=file, environment={}) as store:
            experiment = store.experiment()
            (arm,) = planned_arms(experiment, training_sites=names, new_sites=())
            with most_held() as held:
                run_rounds(arm, experiment, engine, store, shifts={})
            ended = [*engine.began, time.perf_counter()]
            on_disk = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    rounds = np.diff(ended).tolist()
    row = {"seconds": rounds[1:], "held": held[-1] - held[0], "disk": on_disk}
    sys.stderr.write(f"{num_sites}: {row}\n")
    return row


def _cells(num_sites: int, row: Row) -> tuple[str, ...]:
    seconds = statistics.median(row["seconds"])
    return (
        f"{num_sites:,}",
        f"{seconds:.2f}",
        f"{1000 * seconds / num_sites:.1f}",
        f"{row['held'] / _MEGABYTE:.1f}",
        f"{row['held'] / 1000 / num_sites:.1f}",
        f"{row['disk'] / _MEGABYTE / num_sites:.2f}",
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sites", type=int, nargs="*", default=SITES)
    parser.add_argument("--rounds", type=int, default=4, metavar="N", help="the first is dropped")
    parser.add_argument(
        "--megabytes", type=float, default=1, metavar="MB", help="an update's in float32"
    )
    parser.add_argument("--codec", choices=codecs(), default="float32", help="as it travels")
    parser.add_argument("--folder", type=Path, help="for the runs; else the system's for such")
    told_aside(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
