"""How fast `extract` reads notes, that its memory does not grow with them, and that none is lost.

The dev notes of all sites of a folder become text files, which the adapter of this package reads:
every tenth of them, and all. With --times they are read that often over, as one table, and what the
process holds is looked at on the way. What does not belong to the model, reading files and writing
formats, is driven with a model that finds the same in every note, over many more (--stream).

python benchmarks/extracting.py ../shared/data/sites --out runs/bench/extracting.json
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

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
_HELD = ("notes read", "held, MB", "most so far, MB")
_LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that came to its end."""

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
        held = _held(many, options.times, place) if options.times else []
        streams = [_streamed(number, place) for number in _MANY] if options.stream else []
    head = ("notes", "lost or doubled", "s", "notes/s", "notes a processor second", "peak MB")
    sys.stdout.write(f"{began_on}\n\n{table(head, map(_row, [*rows, *streams]))}\n")
    sys.stdout.write(table(_HELD, [[f"{number:,}" for number in one] for one in held]))
    keep(options, {"read": rows, "streamed": streams, "held": held})
    return int(any(row["lost"] for row in [*rows, *streams]))


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
    parser.add_argument("--times", type=int, default=0, metavar="N", help="the notes over again")
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


def _held(files: Sequence[Path], times: int, place: Path) -> list[tuple[int, int, int]]:
    """Return, look by look, how many notes were read, and what was held and the most so far, MB."""
    source, out = place / "over.csv", place / "over"
    with source.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "text"))
        for time_ in range(times):
            rows.writerows((f"{time_}/{one}", one.read_bytes().decode()) for one in files)
    asked = ["extract", "bundled", str(source), "--column", "text", "--id-column", "id"]
    process = _started([_COMMAND, *asked, "--format", "jsonl", "--out", str(out)])
    looks: list[tuple[int, int, int]] = []
    while process.poll() is None:
        time.sleep(_LOOK_S)
        part = out.with_name(f"{out.name}.part")
        with suppress(OSError, psutil.NoSuchProcess):
            num_read = part.read_bytes().count(b"\n")
            held = psutil.Process(process.pid).memory_info().rss // 2**20
            looks.append((num_read, held, max(held, *(most for *_, most in looks), 0)))
    return looks


def _run(arguments: Sequence[str]) -> Ran:
    """Run Python to its end."""
    began = time.monotonic()
    process = _started(arguments)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ran(
        code=process.returncode,
        seconds=time.monotonic() - began,
        processor_seconds=used.ru_utime + used.ru_stime,
        peak_megabytes=used.ru_maxrss / 1024,
    )


def _started(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(filter(None, (str(_HERE), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(  # noqa: S603 -- our own command
        [sys.executable, "-c", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
    )


if __name__ == "__main__":
    sys.exit(main())
