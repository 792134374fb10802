"""Rounds between processes: what the engine itself takes, beside NVFLARE's own and Flower's."""

import argparse
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from contest.figures import keep, machine, spread, table, told_aside
from contest.no_op_ours import ROLES
from contest.peaks import watched
from fedmedlora.adapters.wire import codecs
from fedmedlora.engines.nvflare.coordinator import running_server
from fedmedlora.engines.nvflare.processes import end, start_site
from fedmedlora.engines.nvflare.provisioning import Federation, provision
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
    sys.stdout.write(table(head, (_row(kind, ours) for kind in _KINDS)))
    keep(options, {"ours": ours})
    return 0


def _row(kind: str, ours: Mapping[str, Any]) -> list[str]:
    peak = ours["peaks"][kind]
    sizes = [f"{peak[key] / _MEGABYTE:.0f}" for key in ("bytes", "own")]
    held = [each[kind] for each in ours["held"] if kind in each]
    return [kind, *sizes, f"{_slope(held[len(held) // 5 :]) / 1000:+.1f}" if held else ""]


def _slope(values: Sequence[float]) -> float:
    """Return the slope of the line that fits values best."""
    slope, _ = np.polyfit(range(len(values)), values, 1)
    return float(slope)


_KINDS = ("server", "job at the server", "site", "job at a site")
_MODULES = dict(
    zip(_KINDS, ("server_train", "runner_process", "client_train", "worker_process"), strict=True)
)


def no_op(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds of each round and what was held then, and the most of each kind."""
    names = [f"site{index:04}" for index in range(options.sites)]
    entries = "".join(f'[[sites]]\nname = "{name}"\n' for name in names)
    file, run, found = folder / "idle.toml", folder / "run", folder / "found.json"
    text = _EXPERIMENT.replace("ROUNDS", str(options.rounds)).replace("CODEC", options.codec)
    file.write_text(text + entries, encoding="utf-8")
    RunStore.create(run, experiment_path=file, environment={}).close()
    now, kits = datetime.now(UTC), folder / "kits"
    federation = Federation("idle", "127.0.0.1", _free_port())
    provision(names, federation=federation, out=kits, roles=ROLES, now=now)
    told = {
        "num_bytes": int(options.megabytes * _MEGABYTE),
        "codec": options.codec,
        "libraries": () if options.lean else ("torch", "transformers"),
    }
    settings = {**told, "run": str(run), "found": str(found)}
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    processes = []
    with watched(_kind) as peaks, running_server(kits / "coordinator", now=now) as server:
        try:
            for name in names:
                (kits / name / "local" / "no_op.json").write_text(json.dumps(told), "utf-8")
                processes.append(start_site(kits / name, now=now))
            while len(server.connected()) < len(names):
                time.sleep(0.5)
            began = time.monotonic()
            job = server.submit(ROLES, settings, sites=names)
            while (standing := server.standing(job)).state in ("waiting", "running"):
                time.sleep(0.5)
            if standing.state == "failed":
                raise SystemExit(standing.reason)
            whole = time.monotonic() - began
        finally:
            for process in processes:
                end(process)
    return {**json.loads(found.read_text(encoding="utf-8")), "whole": whole, "peaks": peaks}


def _kind(command: str) -> str | None:
    return next((kind for kind, module in _MODULES.items() if module in command), None)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


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
