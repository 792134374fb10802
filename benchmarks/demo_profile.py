"""Where the demo's seconds go, in one process.

The demo's own experiment on its own hospitals, run by the command line with one worker, under
Python's profiler: what is told is the time in functions of ours, each counted once. The profiler
does not slow down what torch does, and Python's own work by a little. Imports are done before.

python benchmarks/demo_profile.py --out runs/bench/demo_profile.json
"""

import argparse
import cProfile
import importlib
import pstats
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from contest.figures import keep, machine, table, told_aside
from fedmedlora.cli import main as command_line


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a run: the functions it is made of, less what they call that counts elsewhere."""

    name: str
    functions: Sequence[str]
    less: Sequence[str] = ()


_ANSWER = "engines.backbone:HuggingFaceBackbone.answer"
_READ = [f"tasks.extraction:Extraction.{verb}" for verb in ("examples", "predict", "score")]
_STORE = [
    *(f"adapters.shelves:FolderShelf.{verb}" for verb in ("put", "get")),
    *(
        f"experiment.store:RunStore.{verb}"
        for verb in ("put_round", "put_final", "put_arm", "put_meta")
    ),
]
PARTS = (
    Part("training", ["engines.backbone:HuggingFaceBackbone.train"]),
    Part("answers, by the model", [_ANSWER]),
    Part("validation losses, by the model", ["engines.backbone:HuggingFaceBackbone.loss"]),
    Part("loading the base", ["engines.opening:open_local"]),
    Part("notes into examples, answers into findings, counts", _READ, [_ANSWER]),
    Part("admission", ["federation.admission:admit_all"]),
    Part("weights and average", ["federation.rounds:aggregate"]),
    Part("store", _STORE),
    Part("intervals", ["evaluation.intervals:f1_intervals", "evaluation.comparisons:compare"]),
    Part("reading the notes", ["experiment.cohorts:load_cohorts"]),
    Part("report", ["cli.reading:write_report"]),
)


def main() -> int:
    """Run, print a table, write JSON."""
    options, began_on = _options(), machine()
    with tempfile.TemporaryDirectory() as folder:
        arguments = _arguments(Path(folder))
        functions = {name: _code(name) for part in PARTS for name in (*part.functions, *part.less)}
        profiler, began = cProfile.Profile(), time.perf_counter()
        with redirect_stdout(sys.stderr):
            code = profiler.runcall(command_line, arguments)
        whole = time.perf_counter() - began
    seconds = _seconds(pstats.Stats(profiler), functions)
    parts = {
        part.name: sum(map(seconds.__getitem__, part.functions))
        - sum(map(seconds.__getitem__, part.less))
        for part in PARTS
    }
    parts["everything else"] = whole - sum(parts.values())
    sys.stdout.write(f"{began_on}; one process. {whole:.0f} s in all.\n\n")
    sys.stdout.write(_rows(parts, whole))
    keep(options, {"seconds": whole, "parts": parts})
    return int(code)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    told_aside(parser)
    return parser.parse_args()


def _arguments(folder: Path) -> list[str]:
    """Write the demo's experiment with one worker; return the words of the command to run it."""
    with redirect_stdout(sys.stderr):
        command_line(["data", "synthesize", "--out", str(folder / "hospitals")])
    demo = resources.files("fedmedlora.experiment").joinpath("demo.toml").read_text("utf-8")
    experiment = folder / "demo.toml"
    experiment.write_text(re.sub(r"(?m)^workers = \d+$", "workers = 1", demo), encoding="utf-8")
    return ["run", str(experiment), "--out", str(folder / "run")]


def _code(name: str) -> tuple[str, int, str]:
    """Return the profiler's key of a function, named as `module:Class.function`."""
    module, _, path = name.partition(":")
    found: object = importlib.import_module(f"fedmedlora.{module}")
    for part in path.split("."):
        found = getattr(found, part)
    code = getattr(found, "__wrapped__", found).__code__  # type: ignore[attr-defined]
    return code.co_filename, code.co_firstlineno, code.co_name


def _seconds(
    stats: pstats.Stats, functions: Mapping[str, tuple[str, int, str]]
) -> dict[str, float]:
    """Return the seconds in each function and what it calls; 0 where it was not called."""
    known: Mapping[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    return {name: known[key][3] if key in known else 0.0 for name, key in functions.items()}


def _rows(parts: Mapping[str, float], whole: float) -> str:
    ranked = sorted(parts.items(), key=lambda part: -part[1])
    head = ("where", "seconds", "share")
    return table(head, ((name, f"{s:.1f}", f"{100 * s / whole:.1f} %") for name, s in ranked))


if __name__ == "__main__":
    sys.exit(main())
