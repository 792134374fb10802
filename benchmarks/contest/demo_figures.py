"""What the rivals' runs of the demo have in common: a prepared folder, and the figures told.

Each prints one JSON object:

    rival       name and version
    sites       their names
    whole       seconds from the start of the program to its end, less `preparing`
    preparing   seconds that making the hospitals took; 0 for a folder that was prepared before
    seconds     of each round, the first among them
    notes       for each site and round: "site", "round", "loss" in nats per label token,
                "num_tokens", "opening" and "training" in seconds
    peaks       kind of process -> {"processes": how many, "bytes": the most that one of them held}
    adapter     sha256 of the final adapter
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from contest.demo_folder import KINDS, forget, is_prepared, noted, site_names
from contest.loopback import since_start, talk_aside, tell
from contest.peaks import KindOf, watched
from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.weights import AdapterWeights

Ran = tuple[list[float], AdapterWeights]
"""The seconds of each round, and the final adapter."""


def run_demo(
    package: str,
    run: Callable[[Path, list[str], argparse.Namespace], Ran],
    *,
    description: str | None,
    kind_of: KindOf,
) -> None:
    """Run the demo with a rival and print the figures.

    Args:
        package: The rival's.
        run: Told the folder, the sites, and `rounds` and `client` among the options.
    """
    options = _options(description)
    with talk_aside() as told, tempfile.TemporaryDirectory() as own:
        folder = (options.folder or Path(own)).resolve()
        preparing = _prepared(folder)
        sites = site_names(folder)
        forget(folder, sites)
        with watched(kind_of) as peaks:
            seconds, adapter = run(folder, sites, options)
        figures = {
            "rival": f"{package} {version(package)}",
            "sites": sites,
            "whole": since_start() - preparing,
            "preparing": preparing,
            "seconds": seconds,
            "notes": noted(folder, sites),
            "peaks": peaks,
            "adapter": adapter_digest(adapter),
        }
        tell(told, figures)


def _options(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(description).partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="as contest.demo_site prepared it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--client", choices=KINDS, default="plain", help="how the sites of a rival train"
    )
    return parser.parse_args()


def _prepared(folder: Path) -> float:
    """Prepare a folder where that was not done, and return the seconds it took."""
    if is_prepared(folder):
        return 0.0
    began = time.perf_counter()
    command = [sys.executable, "-m", "contest.demo_site", str(folder)]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)  # noqa: S603 -- ours
    return time.perf_counter() - began
