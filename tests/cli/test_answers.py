import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import SITES, Shell, experiment

from fedmedlora.cli import UNREAD
from fedmedlora.cli.parser import build_parser
from fedmedlora.cli.reference import commands

PROGRAM = "import sys; from fedmedlora.cli import main; sys.exit(main())"

Json = dict[str, Any]
Told = Callable[..., Json]


@pytest.fixture
def told(shell: Shell) -> Told:
    """Return what types a command with --json and hands back the one object it answered."""

    def of(*words: object) -> Json:
        said = shell(*words, "--json")
        assert (said.code, said.err) == (0, "")
        assert said.out.count("\n") == 1
        document: Json = json.loads(said.out)
        return document

    return of


def test_every_command_can_answer_a_script() -> None:
    without = [
        command.prog
        for command in commands(build_parser())
        if "--json" not in command.format_usage()
    ]

    assert without == []


def test_a_check_says_who_takes_part(told: Told, tmp_path: Path, sites: Path, base: Path) -> None:
    file = experiment(tmp_path, sites, base)

    document = told("check", file)

    assert document["experiment"] == str(file)
    assert document["base"] == {"name": str(base), "looked_up": True}
    assert {site["site"]: site["role"] for site in document["sites"]} == SITES
    assert document["sites"][0]["notes"] == {"train": 2, "dev": 2, "test": 2}
    assert len(document["sites"][0]["sha256"]) == 64


def test_a_run_says_where_its_results_are(told: Told, finished: Path) -> None:
    document = told("run", finished.parent / "small.toml", "--out", finished, "--resume")

    assert document == {
        "run": str(finished),
        "report": str(finished / "report.html"),
        "results": str(finished / "results.json"),
    }
    assert all(Path(place).exists() for place in document.values())


def test_what_is_written_is_named(told: Told, finished: Path, tmp_path: Path) -> None:
    page, hospitals = tmp_path / "a.html", tmp_path / "all"
    adapter, merged = tmp_path / "adapter", tmp_path / "merged"

    assert told("report", finished, "--out", page) == {"report": str(page)}
    assert told("export", finished, "--to", "peft", "--out", adapter)["adapter"] == str(adapter)
    assert told("export", finished, "--to", "merged", "--out", merged)["model"] == str(merged)
    named = told("data", "synthesize", "--out", hospitals, "--notes", 6)["sites"]
    assert {name: Path(place) for name, place in named.items()} == {
        folder.name: folder for folder in hospitals.iterdir()
    }


@pytest.mark.parametrize("words", [["check", "gone.toml"], ["report", "gone"]])
def test_what_goes_wrong_is_text_also_for_a_script(shell: Shell, words: list[str]) -> None:
    said = shell(*words, "--json")

    assert (said.code, said.out) == (2, "")
    assert ": found " in said.err


def unread(stream: str, *words: object) -> tuple[int, bytes]:
    """Close a stream of a command at once, as `head` does when it has its lines.

    Returns:
        The exit code, and all that came on the other stream.
    """
    program = [sys.executable, "-c", PROGRAM, *map(str, words)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        streams = {"stdout": command.stdout, "stderr": command.stderr}
        closed, read = streams.pop(stream), *streams.values()
        assert closed is not None
        assert read is not None
        # The command cannot have written so soon.
        closed.close()
        said = read.read()
    return command.returncode, said


# Python keeps an answer back until it ends, or writes each line at once.
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_nobody_reads_on_ends_a_command_quietly(
    sites: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)

    assert unread("stdout", "data", "stats", sites / "nephrology") == (UNREAD, b"")
    assert unread("stderr", "data", "check", tmp_path) == (UNREAD, b"")
