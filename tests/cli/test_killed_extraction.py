"""An extraction that is killed again and again, as a process and at any moment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedmedlora.synthetic.hospitals import synthesize

COMMAND = "import sys; from fedmedlora.cli import main; sys.exit(main())"
PATIENCE_S = 300
WAITS_S = (0.0, 0.3, 0.0, 1.0)
"""A kill each: as soon as a batch stands, or in the midst of the next."""


def begun(folder: Path, notes: Path, form: str) -> subprocess.Popen[bytes]:
    """Start reading notes into a file of a folder, or go on with it."""
    out = str(folder / "out")
    asked = ["extract", "bundled", str(notes), "--format", form, "--out", out, "--resume"]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *asked],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def ended(process: subprocess.Popen[bytes]) -> None:
    _, told = process.communicate(timeout=2 * PATIENCE_S)
    assert process.returncode == 0, told.decode()


def written(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def killed_after_more(process: subprocess.Popen[bytes], folder: Path, wait_s: float) -> None:
    """Kill a process that long after it wrote something."""
    before, patience = written(folder), time.monotonic() + PATIENCE_S
    while written(folder) <= before:
        assert process.poll() is None, "ended before it was killed"
        assert time.monotonic() < patience, "nothing was written"
        time.sleep(0.005)
    time.sleep(wait_s)
    assert process.poll() is None, "ended before it was killed"
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["jsonl", "fhir"])
def test_whatever_is_killed_ends_in_the_bytes_of_what_was_not(tmp_path: Path, form: str) -> None:
    notes, whole, often = (tmp_path / name for name in ("notes", "whole", "often"))
    for folder in (notes, whole, often):
        folder.mkdir()
    _, site = synthesize(num_notes=150)["gastroenterology"]
    for note in site.splits["train"]:
        (notes / f"{note.id}.txt").write_text(note.text, encoding="utf-8")
    ended(begun(whole, notes, form))

    for wait_s in WAITS_S:
        killed_after_more(begun(often, notes, form), often, wait_s)
    ended(begun(often, notes, form))

    assert (often / "out").read_bytes() == (whole / "out").read_bytes()
