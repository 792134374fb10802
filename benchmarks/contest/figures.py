"""What every benchmark leaves behind: a table, and its figures as JSON."""

import json
import os
import platform
import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedmedlora.experiment.environment import environment

_CPU_INFO = Path("/proc/cpuinfo")


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return minimum / median / maximum."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return " / ".join(f"{value:.{digits}f}" for value in (low, middle, high))


def ratios(rival: Sequence[float], own: Sequence[float]) -> list[float]:
    """Return how many times as long a rival took, of each turn."""
    return [theirs / ours for theirs, ours in zip(rival, own, strict=True)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, its lines ended."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine() -> str:
    """Return what measured: processor, cores, and what else was running as it began."""
    busy = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return f"{_processor()}, {os.cpu_count()} cores, load at the start {busy}"


def told_aside(parser: ArgumentParser) -> None:
    """Add the option under which figures are kept."""
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="figures as JSON")


def keep(options: Namespace, figures: Mapping[str, Any]) -> None:
    """Write figures with the settings and the machine they are of, where that was asked for."""
    if options.out is None:
        return
    settings = {key: value for key, value in vars(options).items() if key != "out"}
    document = {**settings, "environment": environment(), "machine": machine(), **figures}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")


def _processor() -> str:
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
