"""The commands between hospitals, as two administrators type them, on this machine."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.cli.conftest import Shell
from tests.engines.nvflare.loopback import free_port, until
from tests.engines.nvflare.test_run import EXPERIMENT, SITES, rounds_of, written
from tests.engines.remote.federations import run_whole

from fedmedlora.audit.identity import new_identity, write_identity
from fedmedlora.audit.passphrases import CREDENTIAL
from fedmedlora.engines.nvflare.owner import owning
from fedmedlora.engines.nvflare.site import place_notes
from fedmedlora.experiment.store import RunStore

_LONGEST_S = 240
_COMMAND = "import sys; from fedmedlora.cli import main; sys.exit(main())"


def typed(*words: str | Path) -> list[str]:
    return [sys.executable, "-c", _COMMAND, "federation", *map(str, words)]


@contextmanager
def running(
    said: Path,
    *words: str | Path,
    environ: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside the test; what it says on stderr is kept."""
    with said.open("wb") as file:
        process = subprocess.Popen(
            typed(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            env=environ,
            pass_fds=pass_fds,
        )
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
        return stack.enter_context(running(self.said(end), *self.words(end)))

    def words(self, end: str) -> tuple[str | Path, ...]:
        if end == "coordinator":
            kit, out = self.folder / "kits" / end, self.folder / "apart"
            return ("start", end, kit, self.file, "--out", out)
        data = self.folder / "hospitals" / end
        return ("start", "site", self.folder / "at" / end, "--data", data)

    def said(self, end: str) -> Path:
        return self.folder / f"{end}.txt"


@dataclass(frozen=True)
class Signing(Typed):
    """The same where each end has keys, and nobody sits at a terminal."""

    def running(self, end: str, stack: ExitStack) -> subprocess.Popen[bytes]:
        """Start a command: one site gets its passphrase as systemd gives it, others by a file."""
        words = self.words(end)
        if end == "oncology":
            environ = {**os.environ, "CREDENTIALS_DIRECTORY": str(self.folder / "credentials")}
            return stack.enter_context(running(self.said(end), *words, environ=environ))
        with (self.folder / "secret").open("rb") as file:
            more = ("--passphrase-fd", f"{file.fileno()}")
            started = running(self.said(end), *words, *more, pass_fds=(file.fileno(),))
            return stack.enter_context(started)

    def kit(self, end: str) -> Path:
        return self.folder / ("kits" if end == "coordinator" else "at") / end

    def keys(self, end: str) -> tuple[Path | str | int, ...]:
        """Return how a command is told where the keys of an end lie, and their passphrase."""
        descriptor = os.open(self.folder / "secret", os.O_RDONLY)
        return self.kit(end) / "local" / "identity.json", "--passphrase-fd", descriptor


def signing(folder: Path, shell: Shell, *, rounds: int) -> Signing:
    """Make the kits of a signed run, and in each the keys of its end."""
    plain = provisioned(folder, shell, rounds=rounds)
    with plain.file.open("a", encoding="utf-8") as file:
        file.write('\n[audit]\nledger = "embedded"\n')
    commands = Signing(folder, plain.file)
    (folder / "secret").write_text("open, sesame\n", encoding="utf-8")
    (folder / "credentials").mkdir()
    shutil.copy(folder / "secret", folder / "credentials" / CREDENTIAL)
    for end in ("coordinator", *SITES):
        said = shell("identity", "create", *commands.keys(end))
        assert said.code == 0, said.err
    return commands


def provisioned(folder: Path, shell: Shell, *, rounds: int = 2) -> Typed:
    """Write the experiment for one machine and between hospitals, run the first, make the kits."""
    here = written(folder)
    alone, several = "rounds = 2", f"rounds = {rounds}\npatience = 9"
    here.write_text(here.read_text("utf-8").replace(alone, several), encoding="utf-8")
    run_whole(here, folder / "here")
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
        said, last = commands.said("oncology"), "oncology: was asked its last in this job"
        until(lambda: last in said.read_text(), what="a word of its end")
        assert told(shell, "stop", kit)["ran"] is True
        assert told(shell, "stop", kit)["ran"] is False

    assert rounds_of(run) == rounds_of(tmp_path / "here")
    assert "fed_medlora: round 1 of 2 is closed" in commands.said("coordinator").read_text()
    assert "oncology: trains in round 2 of 2" in said.read_text()
    assert "oncology: scores its final notes" in said.read_text()


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


@pytest.mark.loopback
@pytest.mark.slow
def test_a_signed_run_between_hospitals_is_proved_by_the_heads_that_they_kept(
    tmp_path: Path, shell: Shell
) -> None:
    commands = signing(tmp_path, shell, rounds=4)
    run, closed = tmp_path / "apart", "fed_medlora: round 2 of 4 is closed"

    with ExitStack() as stack:
        started = {end: commands.running(end, stack) for end in ("coordinator", *SITES)}
        until(
            lambda: closed in commands.said("coordinator").read_text(),
            what="the second round",
            patience_s=240,
        )
        # Its passphrase is a credential of its machine: nobody has to be there.
        kill_all_of(started["oncology"])
        with (tmp_path / "secret").open("rb") as file:
            keys, secret = (
                commands.kit("oncology") / "local" / "identity.json",
                os.dup(file.fileno()),
            )
            rotated = shell("identity", "rotate", keys, "--passphrase-fd", secret)
        assert rotated.code == 0, rotated.err
        commands.running("oncology", stack)
        leading = started["coordinator"]
        assert leading.wait(_LONGEST_S) == 0, commands.said("coordinator").read_text()

    assert [one["adapter"] for one in rounds_of(run)] == [
        one["adapter"] for one in rounds_of(tmp_path / "here")
    ]
    kept = [path for site in SITES for path in commands.kit(site).glob("store/heads/*.jsonl")]
    assert len(kept) == 3
    said = shell("audit", "verify", run, "--heads", *kept, "--json")
    assert said.code == 0, said.out
    verdict = json.loads(said.out)
    assert (verdict["faults"], verdict["remarks"]) == ([], [])
    # Four rounds of three sites, each once however often it was asked for; one has new keys.
    counts = verdict["counts"]
    assert (counts["updates"], counts["enrolments"], counts["rotations"]) == (12, 4, 1)
    # Every site has kept the heads of four rounds and of the run, besides the five in the run.
    assert verdict["counts"]["heads"] == 5 + 3 * 5
    # No site's keys have come here.
    assert not list(run.rglob("identity.json"))
    # The coordinator's, in its kit, end a site's.
    by = ("--identity", *commands.keys("coordinator"))
    revoked = shell("identity", "revoke", run, "oncology", *by)
    assert revoked.out.startswith("oncology: revoked with block "), revoked.err
    later = shell("audit", "verify", run, "--heads", *kept)
    assert (later.code, revoked.out.strip() in later.out) == (0, True)


def test_keys_that_nobody_unlocks_are_told_before_anything_begins(
    tmp_path: Path, shell: Shell
) -> None:
    file, kits = between(tmp_path)
    file.write_text(file.read_text() + '\n[audit]\nledger = "embedded"\n', encoding="utf-8")
    told(shell, "provision", file, "--out", kits)
    kit, run = kits / "coordinator", tmp_path / "run"
    words = ("federation", "start", "coordinator", kit, file, "--out", run, "--passphrase-fd")
    (tmp_path / "secret").write_text("other", encoding="utf-8")

    without = shell(*words, os.open(tmp_path / "secret", os.O_RDONLY))
    keys = kit / "local" / "identity.json"
    write_identity(keys, new_identity(), b"open, sesame", cost=2)
    locked = shell(*words, os.open(tmp_path / "secret", os.O_RDONLY))

    assert (without.code, locked.code) == (2, 2)
    assert f"{keys}: found nothing, expected an identity, for [audit]" in without.err
    assert f"{keys}: found that it does not open" in locked.err
    assert not run.exists()


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
