"""The demo's five sites with training, on NVFLARE's simulator with a straightforward client.

NVFLARE's FedAvg recipe for PyTorch, weighted by label tokens, without evaluation; the simulator's
own choice is a process for each site, all at once.

Run in an environment that has benchmarks/contest/nvflare.txt and this project, in the folder
`benchmarks`:

    python -m contest.demo_nvflare [FOLDER]

It prints one JSON object, see demo_figures.py; the kinds of its peaks are "site" and "server".
"""

import os
import tempfile
from argparse import Namespace
from pathlib import Path

import torch
from nvflare.app_opt.pt.recipes.fedavg import FedAvgRecipe
from nvflare.recipe.sim_env import SimEnv

from contest.demo_figures import Ran, run_demo
from contest.demo_folder import start_file
from contest.nvflare_adapter import Adapter
from contest.nvflare_log import round_seconds

_SITE_SCRIPT = Path(__file__).with_name("demo_nvflare_site.py")


def main() -> None:
    """Measure and print the figures."""
    # The sites' processes must find this project's benchmarks, too.
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    run_demo("nvflare", _run, description=__doc__, kind_of=_kind)


def _run(folder: Path, sites: list[str], options: Namespace) -> Ran:
    recipe = FedAvgRecipe(
        name="demo",
        model=Adapter(str(start_file(folder, options.client))),
        min_clients=len(sites),
        num_rounds=options.rounds,
        train_script=str(_SITE_SCRIPT),
        train_args=f"{folder} {options.rounds} {options.client}",
    )
    with tempfile.TemporaryDirectory() as workspace:
        env = SimEnv(clients=sites, workspace_root=workspace)
        result = Path(recipe.execute(env).get_result())
        (log,) = (result / "server").rglob("log.txt")
        (file,) = result.rglob("FL_global_model.pt")
        seconds = round_seconds(log.read_text("utf-8", errors="replace"))
        tensors = torch.load(file, weights_only=False)["model"]
    if len(seconds) != options.rounds:
        raise SystemExit(f"{len(seconds)} rounds were run, expected {options.rounds}; see above")
    adapter = {name.replace("/", "."): torch.as_tensor(tensors[name]) for name in tensors}
    return seconds, {name: adapter[name].numpy() for name in adapter}


def _kind(command: str) -> str | None:
    if "simulator_worker" in command:
        return "site"
    return "server" if "nvflare" in command else None


if __name__ == "__main__":
    main()
