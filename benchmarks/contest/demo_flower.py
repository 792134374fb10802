"""The demo's five sites with training, on Flower's simulation with a straightforward client.

Flower's own FedAvg, weighted by label tokens, without evaluation, on Ray with one processor a
client, as many clients at once as there are processors. `run_simulation` runs in this process:
`flwr run` would start a SuperLink first.

Run in an environment that has benchmarks/contest/flower.txt and this project, in the folder
`benchmarks`:

    python -m contest.demo_flower [FOLDER]

It prints one JSON object, see demo_figures.py; the kinds of its peaks are "site", an actor that
serves any site, and "Ray", what Ray runs besides.
"""

import os
import time
from argparse import Namespace
from functools import partial
from itertools import pairwise
from pathlib import Path

from flwr.app import ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from torch import from_numpy

from contest.demo_figures import Ran, run_demo
from contest.demo_flower_app import client_app
from contest.demo_folder import start_of
from contest.loopback import QUIET_FLOWER
from fedmedlora.adapters.weights import AdapterWeights


def main() -> None:
    """Measure and print the figures."""
    # Read by Ray's own processes, which must find this project's benchmarks, too.
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    os.environ |= {**QUIET_FLOWER, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    run_demo("flwr", _run, description=__doc__, kind_of=_kind)


def _run(folder: Path, sites: list[str], options: Namespace) -> Ran:
    ended: list[float] = []
    final: dict[str, AdapterWeights] = {}
    server_app = ServerApp()
    server_app.main()(partial(_serve, folder, sites, options, ended, final))
    run_simulation(
        server_app,
        client_app,
        num_supernodes=len(sites),
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )
    return [after - before for before, after in pairwise(ended)], final["adapter"]


def _serve(
    folder: Path,
    sites: list[str],
    options: Namespace,
    ended: list[float],
    final: dict[str, AdapterWeights],
    grid: Grid,
    _: Context,
) -> None:
    start = start_of(folder, options.client)
    strategy = FedAvg(
        fraction_evaluate=0.0, min_train_nodes=len(sites), min_available_nodes=len(sites)
    )
    result = strategy.start(
        grid,
        ArrayRecord({name: from_numpy(start[name]) for name in start}),
        num_rounds=options.rounds,
        train_config=ConfigRecord(
            {"folder": str(folder), "rounds": options.rounds, "client": options.client}
        ),
        evaluate_fn=lambda _, __: ended.append(time.time()),
    )
    final["adapter"] = {name: array.numpy() for name, array in result.arrays.items()}


def _kind(command: str) -> str | None:
    if "ClientAppActor" in command:
        return "site"
    return "Ray" if "/ray/" in command or "ray::" in command else None


if __name__ == "__main__":
    main()
