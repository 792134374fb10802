"""Seconds and memory of a no-op round of plain NVFLARE FedAvg between processes, over mutual TLS.

A server and three sites, each a process that `nvflare provision` made the kit of, as `start.sh` in
that kit would start it, and NVFLARE's FedAvg recipe for PyTorch with its client API in the process
of the job. Each round sends 10 MB of float32 in 64 tensors to each site, which sends them back plus
one. Nothing is set but names and ports.

Run in an environment that has benchmarks/contest/nvflare.txt, in the folder `benchmarks`:

    python -m contest.no_op_nvflare

It prints one JSON object:

    rival       name and version
    sites       how many
    num_bytes   of the adapter
    seconds     of each round after the first: from its start at the server to the next one's
    first       seconds of the first round
    peaks       kind of process -> {"processes": how many, "bytes": the most that one of them held};
                "server" and "site" live as long as the federation, "server job" and "site job" as
                long as the run; a site is one "site" and one "site job"
    whole       seconds from the start of this program to its end, with all that it starts
    weights     what each value of the final adapter is: the number of rounds if all went right
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from nvflare.app_opt.pt.recipes.fedavg import FedAvgRecipe
from nvflare.recipe.prod_env import ProdEnv

from contest.loopback import (
    free_port,
    program,
    since_start,
    started,
    talk_aside,
    tell,
    until,
    write_adapter,
)
from contest.nvflare_adapter import Adapter
from contest.nvflare_log import round_seconds
from contest.peaks import watched

SERVER = "localhost"
ADMIN = "admin@nvidia.com"
_SITE_SCRIPT = Path(__file__).with_name("no_op_nvflare_site.py")
_KINDS = {
    "app.server.server_train": "server",
    "app.server.runner_process": "server job",
    "app.client.client_train": "site",
    "app.client.worker_process": "site job",
}


def main() -> None:
    """Measure and print the figures."""
    options = _options()
    sites = [f"site-{number}" for number in range(1, options.sites + 1)]
    with talk_aside() as told, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        adapter = folder / "adapter.safetensors"
        num_bytes = write_adapter(adapter)
        kits = _provisioned(folder, sites, options.scheme)
        with watched(_kind) as peaks, _federation(kits, sites):
            recipe = FedAvgRecipe(
                name="no_op",
                model=Adapter(str(adapter)),
                min_clients=len(sites),
                num_rounds=options.rounds,
                train_script=str(_SITE_SCRIPT),
            )
            result = recipe.execute(ProdEnv(str(kits / ADMIN), username=ADMIN)).get_result()
        (job_log,) = Path(result).rglob("log.txt")
        said = job_log.read_text("utf-8", errors="replace")
        seconds = round_seconds(said)
        if len(seconds) != options.rounds:
            raise SystemExit(f"{len(seconds)} rounds were run, see what the server said:\n{said}")
        figures = {
            "rival": f"NVFLARE {version('nvflare')}",
            "sites": len(sites),
            "num_bytes": num_bytes,
            "seconds": seconds[1:],
            "first": seconds[0],
            "peaks": peaks,
            "whole": since_start(),
            "weights": _weights(Path(result)),
        }
        tell(told, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sites", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=10, help="the first is told apart")
    schemes = ("http", "grpc", "tcp")
    parser.add_argument("--scheme", choices=schemes, default="http", help="http is NVFLARE's own")
    return parser.parse_args()


def _provisioned(folder: Path, sites: Sequence[str], scheme: str) -> Path:
    """Return where the kits lie that NVFLARE's command makes from its sample project."""
    builders = "nvflare.lighter.impl"
    project = {
        "api_version": 3,
        "name": "no_op",
        "participants": [
            {"name": SERVER, "type": "server", "org": "nvidia", "fed_learn_port": free_port()},
            *({"name": site, "type": "client", "org": "nvidia"} for site in sites),
            {"name": ADMIN, "type": "admin", "org": "nvidia", "role": "project_admin"},
        ],
        "builders": [
            {
                "path": f"{builders}.workspace.WorkspaceBuilder",
                "args": {"template_file": ["master_template.yml"]},
            },
            {
                "path": f"{builders}.static_file.StaticFileBuilder",
                "args": {"config_folder": "config", "scheme": scheme},
            },
            {"path": f"{builders}.cert.CertBuilder"},
            {"path": f"{builders}.signature.SignatureBuilder"},
        ],
    }
    # JSON is YAML.
    (folder / "project.yml").write_text(json.dumps(project), encoding="utf-8")
    command = [program("nvflare"), "provision", "-p", "project.yml", "-w", "kits"]
    subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=True)  # noqa: S603 -- ours
    return folder / "kits" / "no_op" / "prod_00"


@contextmanager
def _federation(kits: Path, sites: Sequence[str]) -> Iterator[None]:
    """Run the server and the sites."""
    log = kits / "server.txt"
    with ExitStack() as stack:
        stack.enter_context(started(_command(kits, SERVER, "server"), log))
        for site in sites:
            said = kits / f"{site}.txt"
            stack.enter_context(started(_command(kits, site, "client"), said))
        registered = [f"client {site} registered" for site in sites]
        until(lambda: _all_said(registered, log), "sites that are registered")
        yield


def _command(kits: Path, name: str, role: str) -> list[str]:
    """Return what `start.sh` of a kit runs."""
    module = f"nvflare.private.fed.app.{role}.{role}_train"
    who = [f"uid={name}"] if role == "client" else []
    settings = ["secure_train=true", *who, "org=nvidia", "config_folder=config"]
    place = ["-m", str(kits / name), "-s", f"fed_{role}.json"]
    return [sys.executable, "-u", "-m", module, *place, "--set", *settings]


def _all_said(words: Sequence[str], log: Path) -> bool:
    said = log.read_text("utf-8", errors="replace")
    return all(word in said for word in words)


def _kind(command: str) -> str | None:
    return next((kind for part, kind in _KINDS.items() if part in command), None)


def _weights(result: Path) -> list[float]:
    """Return the values of the final adapter, each once."""
    (file,) = result.rglob("FL_global_model.pt")
    tensors = map(torch.as_tensor, torch.load(file, weights_only=False)["model"].values())
    return sorted({value for tensor in tensors for value in tensor.flatten().tolist()})


if __name__ == "__main__":
    main()
