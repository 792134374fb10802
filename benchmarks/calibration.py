"""How far confidence is off in some runs: raw, and as two ways of calibrating have it.

All is made of what the runs keep, counts of finds by bin of confidence. What calibrates is fitted
on the dev notes of the training sites and looked at where it has no part: on the test notes of the
same sites, and on the dev notes of each site in turn, fitted on the others'. Our own way is
`isotonic`; beside it stands Platt's, a logistic curve over log-odds with two numbers.

Source of the latter: Platt, Probabilistic Outputs for Support Vector Machines (1999), section 2.2.

python benchmarks/calibration.py runs/demo runs/open_sites --out runs/bench/calibration.json
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contest.figures import keep, table, told_aside
from fedmedlora.evaluation.calibration import (
    KINDS,
    NUM_BINS,
    Kind,
    Rows,
    expected_calibration_error,
    isotonic,
    middles,
    reliability,
    summed,
)
from fedmedlora.experiment.store import RunStore
from fedmedlora.tasks.tally import tally_from_json

Fit = Callable[[Rows], Sequence[float] | NDArray[np.float64] | None]

_STEPS = 5000
_HEAD = ("run", "finds", "dev", "test", "looked at on", "raw", "isotonic", "Platt")


def main() -> None:
    """Print the errors of some runs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs")
    told_aside(parser)
    options = parser.parse_args()
    rows = [row for run in options.runs for row in measured(run)]
    keep(options, {"rows": rows})
    sys.stdout.write(table(_HEAD, ([*map(_shown, row.values())] for row in rows)))


def measured(run: Path) -> Iterator[dict[str, Any]]:
    """Yield the errors of a run's calibrated arm, by kind and by what they are looked at on."""
    with RunStore.open(run) as store:
        name, arm = next(
            (name, document)
            for name in store.arms()
            if "calibration" in (document := store.arm(name) or {})
        )
        dev = {site: _rows(told) for site, told in arm["calibration"]["sites"].items()}
        finals = {site: tally_from_json(told["tally"]) for site, told in store.finals(name).items()}
        splits = {site: told["scores"]["split"] for site, told in store.finals(name).items()}
        title = store.experiment().name
    test = [finals[site].reliability for site in dev if splits[site] == "test"]
    for kind in KINDS:
        fitted, looked_at = summed([*dev.values()])[kind], summed(test)[kind]
        told = {
            "run": title,
            "kind": kind,
            "dev": int(fitted[:, 0].sum()),
            "test": int(looked_at[:, 0].sum()),
        }
        yield (
            told
            | {"on": "test"}
            | {way: _error(fit(fitted), looked_at) for way, fit in _WAYS.items()}
        )
        yield (
            told
            | {"on": "each site"}
            | {way: _across(dev, kind, fit) for way, fit in _WAYS.items()}
        )


def _across(dev: Mapping[str, Mapping[Kind, Rows]], kind: Kind, fit: Fit) -> float | None:
    """Return the mean over finds of each site's error under what the other sites came to."""
    total, off = 0, 0.0
    for site in dev:
        others = summed([dev[other] for other in dev if other != site])
        own = dev[site][kind]
        error = _error(fit(others[kind]), own)
        if error is not None:
            total, off = total + int(own[:, 0].sum()), off + error * int(own[:, 0].sum())
    return off / total if total else None


def _error(values: Sequence[float] | NDArray[np.float64] | None, rows: Rows) -> float | None:
    return None if values is None else expected_calibration_error(reliability(values, rows))


def platt(rows: Rows) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-(a x + b))) of each bin's log-odds x."""
    found, right = rows.T.astype(float)
    raw = middles(len(rows))
    inputs = np.stack([np.log(raw / (1 - raw)), np.ones(len(rows))])
    # As if there were one more of the right ones and one more of the wrong.
    high, low = (right.sum() + 1) / (right.sum() + 2), 1 / (found.sum() - right.sum() + 2)
    wanted = right * high + (found - right) * low
    weights = np.array([1.0, 0.0])
    # p (1 - p) is nowhere above 1/4, so that no step goes too far.
    step = np.linalg.inv((inputs * found / 4) @ inputs.T)
    for _ in range(_STEPS):
        told = 1 / (1 + np.exp(-weights @ inputs))
        weights = weights - step @ (inputs @ (found * told - wanted))
    return np.asarray(1 / (1 + np.exp(-weights @ inputs)))


_WAYS: Mapping[str, Fit] = {
    "raw": lambda _: middles(NUM_BINS),
    "isotonic": isotonic,
    "platt": platt,
}


def _rows(told: Mapping[Kind, list[list[int]]]) -> dict[Kind, Rows]:
    return {kind: np.array(told[kind], np.int64) for kind in KINDS if kind in told}


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
