"""The commands between hospitals, as two administrators type them, on this machine."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Shell
from tests.engines.nvflare.loopback import free_port
from tests.engines.nvflare.test_run import EXPERIMENT, SITES, rounds_of, run_here, written

from fedmedlora.engines.nvflare.owner import owning
from fedmedlora.engines.nvflare.site import place_notes

_LONGEST_S = 240
_COMMAND = "import sys; from fedmedlora.cli import main; sys.exit(main())"


def typed(*words: str | Path) -> list[str]:
    return [sys.executable, "-c", _COMMAND, "federation", *map(str, words)]


@contextmanager
def running(said: Path, *words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside the test; what it says on stderr is kept."""
    with said.open("wb") as file:
        process = subprocess.Popen(typed(*words), stdout=subprocess.DEVNULL, stderr=file)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def told(shell: Shell, *words: str | Path) -> dict[str, Any]:
    said = shell("federation", *words, "--json")
    assert said.code == 0, said.err
    answer: dict[str, Any] = json.loads(said.out)
    return answer


@pytest.mark.loopback
def test_two_administrators_follow_the_guide_to_the_bytes_of_one_machine(
    tmp_path: Path, shell: Shell
) -> None:
    run_here(written(tmp_path), tmp_path / "here")
    engine = f'name = "nvflare"\nhost = "127.0.0.1"\nport = {free_port()}'
    entries = "".join(f'[[sites]]\nname = "{site}"\n' for site in SITES)
    file = tmp_path / "apart.toml"
    file.write_text(EXPERIMENT.replace('name = "nvflare"', engine) + entries, encoding="utf-8")
    kits, run = tmp_path / "kits", tmp_path / "apart"

    made = told(shell, "provision", file, "--out", kits)["kits"]
    assert made["oncology"] == str(kits / "oncology.zip")
    for site in SITES:
        with zipfile.ZipFile(made[site]) as kit:
            kit.extractall(tmp_path / "at")

    with ExitStack() as stack:
        for site in SITES:
            place = tmp_path / "at" / site
            data = tmp_path / "hospitals" / site
            stack.enter_context(
                running(tmp_path / f"{site}.txt", "start", "site", place, "--data", data)
            )
        leading = stack.enter_context(
            running(
                tmp_path / "c.txt",
                *("start", "coordinator", kits / "coordinator", file, "--out", run),
            )
        )
        assert leading.wait(_LONGEST_S) == 0, (tmp_path / "c.txt").read_text()

        standing = told(shell, "status", kits / "coordinator")
        assert standing["progress"]["is_complete"] is True
        assert standing["report"] == str(run / "report.html")
        assert set(standing["sites"]) == set(SITES)
        assert min(site["bytes_up"] for site in standing["sites"].values()) > 0
        assert told(shell, "status", tmp_path / "at" / "oncology")["runs"] is True
        assert told(shell, "stop", tmp_path / "at" / "oncology")["ran"] is True
        assert told(shell, "stop", tmp_path / "at" / "oncology")["ran"] is False

    assert rounds_of(run) == rounds_of(tmp_path / "here")
    assert "fed_medlora: round 1 of 2 is closed" in (tmp_path / "c.txt").read_text()
    said = (tmp_path / "oncology.txt").read_text()
    assert "oncology: trains in round 2 of 2" in said
    assert "oncology: scores its final notes" in said


@pytest.mark.parametrize("verb", ["status", "stop"])
def test_a_folder_that_is_no_kit_is_told(tmp_path: Path, verb: str, shell: Shell) -> None:
    said = shell("federation", verb, tmp_path / "kitz")

    assert said.code == 2
    assert "kitz: found no kit, expected a start-up kit" in said.err


def between(folder: Path) -> tuple[Path, Path]:
    """Return an experiment between the hospitals of a folder, and where their kits are."""
    written(folder)
    entries = "".join(f'[[sites]]\nname = "{site}"\n' for site in SITES)
    file = folder / "apart.toml"
    file.write_text(EXPERIMENT + entries, encoding="utf-8")
    return file, folder / "kits"


def test_a_second_start_changes_nothing_of_the_first(tmp_path: Path, shell: Shell) -> None:
    file, kits = between(tmp_path)
    told(shell, "provision", file, "--out", kits)
    site, data = kits / "oncology", tmp_path / "hospitals" / "oncology"
    place_notes(site, data, now=datetime.now(UTC))
    shutil.copytree(data, tmp_path / "other")

    with owning(site), owning(kits / "coordinator"):
        at_site = shell("federation", "start", "site", site, "--data", tmp_path / "other")
        start = ("start", "coordinator", kits / "coordinator", file, "--out", tmp_path / "run")
        at_coordinator = shell("federation", *start)

    assert (at_site.code, at_coordinator.code) == (2, 2)
    assert "found a command that runs from it" in at_site.err
    assert json.loads((site / "local" / "notes.json").read_text())["data"] == str(data)
    assert not (tmp_path / "run").exists()


def test_an_experiment_of_one_machine_is_told_so_first(tmp_path: Path, shell: Shell) -> None:
    file, kits = between(tmp_path)
    file.write_text(file.read_text().replace('"nvflare"', '"local"'), encoding="utf-8")

    said = shell("federation", "provision", file, "--out", kits)

    assert said.code == 2
    assert said.err.splitlines() == [
        f"{file}: [engine].name: found 'local', expected \"nvflare\"; set it, and name the sites"
    ]


def test_nothing_is_written_for_a_kit_that_cannot_be_started(tmp_path: Path, shell: Shell) -> None:
    file = written(tmp_path)
    run = tmp_path / "run"

    said = shell("federation", "start", "coordinator", tmp_path, file, "--out", run)

    assert said.code == 2
    assert "found no kit, expected a start-up kit" in said.err
    assert not run.exists()
