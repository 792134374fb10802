"""Rounds between processes: what the engine itself takes, beside NVFLARE's own and Flower's."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from contest.federation import KINDS, sizes, started
from contest.figures import keep, machine, spread, table, told_aside
from contest.no_op_ours import ROLES
from fedmedlora.adapters.wire import codecs
from fedmedlora.experiment.store import RunStore

_EXPERIMENT = """
[experiment]
name = "idle"
rounds = ROUNDS
patience = 100000
arms = ["fed_medlora"]

[model]
base = "bundled"

[training]

[communication]
codec = "CODEC"

[engine]
name = "nvflare"
"""
_MEGABYTE = 1_000_000


def main() -> int:
    """Measure, print a table, write JSON."""
    options, began_on = _options(), machine()
    with tempfile.TemporaryDirectory() as name:
        ours = no_op(Path(name), options)
    size = f"{options.megabytes:g} MB in float32, as {options.codec} on their way"
    sys.stdout.write(f"{began_on}; {options.sites} sites, {size}\n")
    sys.stdout.write(f"Seconds a round, min / median / max: {spread(ours['seconds'][1:])}\n\n")
    head = ["process", "most, MB", "of it not mapped files", "growth, KB a round"]
    sys.stdout.write(table(head, (_row(kind, ours) for kind in KINDS)))
    keep(options, {"ours": ours})
    return 0


def _row(kind: str, ours: Mapping[str, Any]) -> list[str]:
    held = [each[kind] for each in ours["held"] if kind in each]
    return [
        kind,
        *sizes(ours["peaks"][kind]),
        f"{_slope(held[len(held) // 5 :]) / 1000:+.1f}" if held else "",
    ]


def _slope(values: Sequence[float]) -> float:
    """Return the slope of the line that fits values best."""
    slope, _ = np.polyfit(range(len(values)), values, 1)
    return float(slope)


def no_op(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds of each round and what was held then, and the most of each kind."""
    names = [f"site{index:04}" for index in range(options.sites)]
    entries = "".join(f'[[sites]]\nname = "{name}"\n' for name in names)
    file, run, found = folder / "idle.toml", folder / "run", folder / "found.json"
    text = _EXPERIMENT.replace("ROUNDS", str(options.rounds)).replace("CODEC", options.codec)
    file.write_text(text + entries, encoding="utf-8")
    RunStore.create(run, experiment_path=file, environment={}).close()
    told = {
        "num_bytes": int(options.megabytes * _MEGABYTE),
        "codec": options.codec,
        "libraries": () if options.lean else ("torch", "transformers"),
    }
    settings = {**told, "run": str(run), "found": str(found)}

    def furnish(name: str, kit: Path) -> None:
        del name
        (kit / "local" / "no_op.json").write_text(json.dumps(told), encoding="utf-8")

    with started(folder, names, ROLES, furnish) as (server, peaks):
        began = time.monotonic()
        job = server.submit(ROLES, settings, sites=names)
        while (standing := server.standing(job)).state in ("waiting", "running"):
            time.sleep(0.5)
        if standing.state == "failed":
            raise SystemExit(standing.reason)
        whole = time.monotonic() - began
    return {**json.loads(found.read_text(encoding="utf-8")), "whole": whole, "peaks": peaks}


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sites", type=int, default=3, metavar="N", help="processes on loopback")
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="the first is dropped")
    parser.add_argument(
        "--megabytes", type=float, default=10, metavar="MB", help="an adapter's in float32"
    )
    parser.add_argument("--codec", choices=codecs(), default="float32", help="as it travels")
    parser.add_argument("--lean", action="store_true", help="without torch and transformers")
    told_aside(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
