"""How fast `extract` reads notes, that its memory does not grow with them, and that none is lost.

The dev notes of all sites of a folder become text files, which the adapter of this package reads:
every tenth of them, and all. A sample of them is read again by a process that is killed at random
moments and goes on; its output must be the same bytes. What does not belong to the model, reading
files and writing formats, is driven with a model that finds the same in every note, over many more.

python benchmarks/extracting.py ../shared/data/sites --out runs/bench/extracting.json
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from contest.figures import keep, machine, table, told_aside
from fedmedlora.clinical.notes import Entity, Note
from fedmedlora.engines.extracting import extract
from fedmedlora.formats.exchange import jsonl
from fedmedlora.formats.note_output import FileOutput
from fedmedlora.formats.texts import Text, Texts

_COMMAND = "import sys; from fedmedlora.cli import main; sys.exit(main())"
_STREAM = "import sys; from extracting import stream; stream(*sys.argv[1:])"
_HERE = Path(__file__).parent
_MANY = (100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that came to its end, or was killed."""

    code: int
    seconds: float
    processor_seconds: float
    peak_megabytes: float


def main() -> int:
    """Measure, print tables, write JSON; 1 where a note was lost or doubled."""
    options, began_on = _options(), machine()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        few, many = (_files(options.sites, place / f"every{n}", every=n) for n in (10, 1))
        rows = [_read(options.format, files, place) for files in (few, many)]
        kills = _killed(options, _files(options.sites, place / "kills", every=options.every), place)
        streams = [_streamed(number, place) for number in _MANY] if options.stream else []
    head = ("notes", "lost or doubled", "s", "notes/s", "notes a processor second", "peak MB")
    sys.stdout.write(f"{began_on}\n\n{table(head, map(_row, [*rows, *streams]))}\n{kills}\n")
    keep(options, {"read": rows, "streamed": streams, "kills": kills})
    return int(any(row["lost"] for row in [*rows, *streams]) or not kills["same"])


def stream(number: str, folder: str) -> None:
    """Extract from a table of so many notes with a model that finds the same in each."""
    place = Path(folder)
    source = place / f"{number}.csv"
    output = FileOutput(place / f"{number}.jsonl", is_folder=False, asked="", today=date.min)
    for _ in extract(Texts([source], sys.stdin.buffer, "text", "id"), _find, jsonl.FORMAT, output):
        pass


def _find(texts: Sequence[Text]) -> list[Note]:
    found = (Entity("T1", "problem", 0, 4),)
    return [Note(text.name, "notes", text.text, found, (), lost={}) for text in texts]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("sites", type=Path, metavar="DIR", help="site folders, each with dev.jsonl")
    parser.add_argument("--format", default="jsonl", help="as of extract")
    parser.add_argument("--kills", type=int, default=5, metavar="N", help="how often it is killed")
    parser.add_argument(
        "--every", type=int, default=30, metavar="N", help="of the notes killed over"
    )
    parser.add_argument("--stream", action="store_true", help="a million notes without a model too")
    told_aside(parser)
    return parser.parse_args()


def _files(sites: Path, folder: Path, *, every: int) -> list[Path]:
    """Write every so manieth dev note of all sites as a text file; its line breaks are its own."""
    notes = [
        (site.name, json.loads(line))
        for site in sorted(sites.iterdir())
        for line in (site / "dev.jsonl").read_text("utf-8").split("\n")
        if line.strip()
    ]
    files = []
    for number, (site, note) in enumerate(notes[::every]):
        file = folder / site / f"{number:05}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(note["text"].encode())
        files.append(file)
    return files


def _read(format_: str, files: Sequence[Path], place: Path) -> dict[str, Any]:
    folder = files[0].parents[1]
    out = place / f"{folder.name}.out"
    ran = _run(
        [_COMMAND, "extract", "bundled", str(folder), "--format", format_, "--out", str(out)]
    )
    ids = [json.loads(line)["id"] for line in out.read_text("utf-8").split("\n") if line]
    return _figures(ran, ids, [str(file) for file in files])


def _streamed(number: int, place: Path) -> dict[str, Any]:
    with (place / f"{number}.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "text"))
        rows.writerows((f"n{index}", f"pain {index} " * 40) for index in range(number))
    ran = _run([_STREAM, str(number), str(place)])
    with (place / f"{number}.jsonl").open(encoding="utf-8") as lines:
        ids = [json.loads(line)["id"] for line in lines]
    return _figures(ran, ids, [f"n{index}" for index in range(number)])


def _figures(ran: Ran, ids: Sequence[str], expected: Sequence[str]) -> dict[str, Any]:
    lost = len(set(expected) ^ set(ids)) + len(ids) - len(set(ids))
    return {"notes": len(expected), "lost": lost, **asdict(ran)}


def _row(row: dict[str, Any]) -> list[str]:
    return [
        f"{row['notes']:,}",
        str(row["lost"]),
        f"{row['seconds']:.0f}",
        f"{row['notes'] / row['seconds']:.1f}",
        f"{row['notes'] / row['processor_seconds']:.1f}",
        f"{row['peak_megabytes']:.0f}",
    ]


def _killed(options: argparse.Namespace, files: Sequence[Path], place: Path) -> dict[str, Any]:
    """Return whether an output that was killed so often is that of an undisturbed process."""
    command = [_COMMAND, "extract", "bundled", str(files[0].parents[1])]
    command += ["--format", options.format, "--out"]
    whole, often = place / "whole", place / "often"
    undisturbed = _run([*command, str(whole)])
    moments = list(_moments(options.kills, undisturbed.seconds))
    stopped = [_run([*command, str(often), "--resume"], for_s=moment).code for moment in moments]
    _run([*command, str(often), "--resume"])
    return {
        "notes": len(files),
        "kills": sum(code != 0 for code in stopped),
        "same": whole.read_bytes() == often.read_bytes(),
    }


def _moments(number: int, seconds: float) -> Iterator[float]:
    """Yield times after which to kill: most while notes are read, not while a base loads."""
    rng = random.Random(0)  # noqa: S311 -- nobody has to guess them
    for _ in range(number):
        yield seconds * rng.uniform(0.3, 0.9)


def _run(arguments: Sequence[str], *, for_s: float | None = None) -> Ran:
    """Run Python to its end, or kill it after some time."""
    began = time.monotonic()
    paths = os.pathsep.join(filter(None, (str(_HERE), os.environ.get("PYTHONPATH"))))
    environ = {**os.environ, "PYTHONPATH": paths}
    process = subprocess.Popen(  # noqa: S603 -- our own command
        [sys.executable, "-c", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environ,
    )
    if for_s is not None:
        try:
            process.wait(for_s)
        except subprocess.TimeoutExpired:
            process.kill()
        else:
            return Ran(process.returncode, time.monotonic() - began, 0.0, 0.0)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ran(
        code=process.returncode,
        seconds=time.monotonic() - began,
        processor_seconds=used.ru_utime + used.ru_stime,
        peak_megabytes=used.ru_maxrss / 1024,
    )


if __name__ == "__main__":
    sys.exit(main())
