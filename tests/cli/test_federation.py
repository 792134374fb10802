"""The commands between hospitals, as two administrators type them, on this machine."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.cli.conftest import Shell
from tests.engines.nvflare.loopback import free_port, until
from tests.engines.nvflare.test_run import EXPERIMENT, SITES, rounds_of, run_here, written

from fedmedlora.engines.nvflare.owner import owning
from fedmedlora.engines.nvflare.site import place_notes
from fedmedlora.experiment.store import RunStore

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


@dataclass(frozen=True)
class Typed:
    """Commands of a federation whose kits are unpacked, each started in the test's folder."""

    folder: Path
    file: Path

    def running(self, end: str, stack: ExitStack) -> subprocess.Popen[bytes]:
        """Start the command of a site, or of the coordinator, until the stack is left."""
        if end == "coordinator":
            kit, out = self.folder / "kits" / end, self.folder / "apart"
            words: tuple[str | Path, ...] = ("start", end, kit, self.file, "--out", out)
        else:
            data = self.folder / "hospitals" / end
            words = ("start", "site", self.folder / "at" / end, "--data", data)
        return stack.enter_context(running(self.said(end), *words))

    def said(self, end: str) -> Path:
        return self.folder / f"{end}.txt"


def provisioned(folder: Path, shell: Shell, *, rounds: int = 2) -> Typed:
    """Write the experiment for one machine and between hospitals, run the first, make the kits."""
    here = written(folder)
    alone, several = "rounds = 2", f"rounds = {rounds}\npatience = 9"
    here.write_text(here.read_text("utf-8").replace(alone, several), encoding="utf-8")
    run_here(here, folder / "here")
    engine = f'name = "nvflare"\nhost = "127.0.0.1"\nport = {free_port()}'
    entries = "".join(f'[[sites]]\nname = "{site}"\n' for site in SITES)
    text = EXPERIMENT.replace('name = "nvflare"', engine).replace(alone, several)
    file = folder / "apart.toml"
    file.write_text(text + entries, encoding="utf-8")
    made = told(shell, "provision", file, "--out", folder / "kits")["kits"]
    assert made["oncology"] == str(folder / "kits" / "oncology.zip")
    for site in SITES:
        with zipfile.ZipFile(made[site]) as kit:
            kit.extractall(folder / "at")
    return Typed(folder, file)


@pytest.mark.loopback
def test_two_administrators_follow_the_guide_to_the_bytes_of_one_machine(
    tmp_path: Path, shell: Shell
) -> None:
    commands = provisioned(tmp_path, shell)
    run, kit = tmp_path / "apart", tmp_path / "at" / "oncology"

    with ExitStack() as stack:
        for site in SITES:
            commands.running(site, stack)
        leading = commands.running("coordinator", stack)
        assert leading.wait(_LONGEST_S) == 0, commands.said("coordinator").read_text()

        standing = told(shell, "status", tmp_path / "kits" / "coordinator")
        assert standing["progress"]["is_complete"] is True
        assert standing["report"] == str(run / "report.html")
        assert set(standing["sites"]) == set(SITES)
        assert min(site["bytes_up"] for site in standing["sites"].values()) > 0
        assert told(shell, "status", kit)["runs"] is True
        assert told(shell, "stop", kit)["ran"] is True
        assert told(shell, "stop", kit)["ran"] is False

    assert rounds_of(run) == rounds_of(tmp_path / "here")
    assert "fed_medlora: round 1 of 2 is closed" in commands.said("coordinator").read_text()
    said = commands.said("oncology").read_text()
    assert "oncology: trains in round 2 of 2" in said
    assert "oncology: scores its final notes" in said


@pytest.mark.loopback
@pytest.mark.slow
@pytest.mark.parametrize("killed", [("coordinator",), ("oncology",), ("coordinator", "oncology")])
def test_ends_that_are_killed_and_started_again_change_no_byte(
    tmp_path: Path, shell: Shell, killed: tuple[str, ...]
) -> None:
    commands = provisioned(tmp_path, shell, rounds=6)
    closed = "fed_medlora: round 2 of 6 is closed"

    with ExitStack() as stack:
        started = {end: commands.running(end, stack) for end in ("coordinator", *SITES)}
        until(
            lambda: closed in commands.said("coordinator").read_text(),
            what="the second round",
            patience_s=120,
        )
        for end in killed:
            kill_all_of(started[end])
        for end in killed:
            started[end] = commands.running(end, stack)
        leading = started["coordinator"]
        assert leading.wait(_LONGEST_S) == 0, commands.said("coordinator").read_text()

    assert len(rounds_of(tmp_path / "here")) == 6
    assert rounds_of(tmp_path / "apart") == rounds_of(tmp_path / "here")
    with RunStore.open(tmp_path / "apart") as apart, RunStore.open(tmp_path / "here") as here:
        assert apart.finals("fed_medlora") == here.finals("fed_medlora")


def kill_all_of(command: subprocess.Popen[bytes]) -> None:
    """Kill a command and whatever it started, none of which gets a last word."""
    first = psutil.Process(command.pid)
    for process in (first, *first.children(recursive=True)):
        process.kill()
    command.wait(10)


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
