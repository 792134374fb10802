"""Kills and full disks. A kill keeps what the system has buffered, so this tests the order and
the wholeness of writes; that what is flushed reaches the disk first rests on fsync alone.
"""

import hashlib
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fedmedlora.errors import StoreError
from fedmedlora.experiment.store import RunStore

TOML = """
[experiment]
name = "demo"
rounds = 1
arms = ["fed_medlora"]

[model]
base = "minilm"

[[sites]]
path = "heart"
"""
ARM = "fed_medlora"
SITES = ("bones", "heart")
TABLES = ("meta", "site_updates", "rounds", "finals", "arms", "drawn")


def write_rounds(folder: Path, rounds: int) -> None:
    """Do what is left of a run, as an engine would: look, put the adapter, put the row."""
    with RunStore.open(folder, writable=True) as store:
        for round_index in range(len(store.rounds(ARM)) + 1, rounds + 1):
            for site in SITES:
                if store.site_update(f"{round_index}:{site}") is None:
                    sha256 = put_adapter(store, f"{site}{round_index}")
                    document = {"site": site, "sha256": sha256}
                    store.put_site_update(f"{round_index}:{site}", document)
                    say("row")
            sha256 = put_adapter(store, f"global{round_index}")
            store.put_round(ARM, round_index, {"round": round_index, "adapter": sha256})
            say("row")
        if store.arm(ARM) is None:
            store.put_arm(ARM, {"best_round": rounds}, position=0)


def put_adapter(store: RunStore, seed: str) -> str:
    rng = np.random.default_rng(list(seed.encode()))
    # 16 * 768 * 4 = 49,152 bytes and a header.
    sha256 = store.adapters.put({"w": rng.standard_normal((16, 768), dtype=np.float32)})
    say("adapter")
    return sha256


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 -- whoever kills us waits for it


def new_run(folder: Path) -> Path:
    toml = folder.with_suffix(".toml")
    toml.write_text(TOML, encoding="utf-8")
    RunStore.create(folder, experiment_path=toml, environment={}).close()
    return folder


def start(folder: Path, *, rounds: int, limit: int = 0) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, __file__, str(folder), str(rounds), str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(folder / "run.sqlite")
    found = {
        table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608
        for table in TABLES
    }
    connection.close()
    # The origin names the folder of the experiment, which each test run has its own.
    return {**found, "meta": [row for row in found["meta"] if row[0] != "origin"]}


def check_whole(folder: Path, *, rounds: int) -> int:
    """Check that no row names an adapter that is missing or altered; return the rounds done."""
    with RunStore.open(folder) as store:
        done = store.rounds(ARM)
        keys = [f"{index}:{site}" for index in range(1, rounds + 1) for site in SITES]
        updates = [store.site_update(key) for key in keys]
    assert [document["round"] for document in done] == list(range(1, len(done) + 1))
    named = {document["adapter"] for document in done}
    named |= {update["sha256"] for update in updates if update is not None}
    for sha256 in named:
        content = (folder / "adapters" / f"{sha256}.safetensors").read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256
    return len(done)


def kill_soon(folder: Path, *, rounds: int, rng: random.Random) -> None:
    """Kill a writer after a few of its steps, somewhere in the next one."""
    with start(folder, rounds=rounds) as writer:
        assert writer.stdout is not None
        began, step_s = time.monotonic(), 0.0
        for _ in range(rng.randint(1, 7)):
            writer.stdout.readline()
            step_s, began = time.monotonic() - began, time.monotonic()
        time.sleep(rng.uniform(0.0, min(step_s, 0.02)))
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL


def finish(folder: Path, *, rounds: int) -> None:
    with start(folder, rounds=rounds) as writer:
        _, errors = writer.communicate(timeout=60)
    assert (writer.returncode, errors) == (0, "")


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_moment_ends_as_if_undisturbed(tmp_path: Path, kills: int) -> None:
    undisturbed, killed = new_run(tmp_path / "undisturbed"), new_run(tmp_path / "killed")
    rng = random.Random(kills)  # noqa: S311 -- moments, not secrets
    # At most 7 of a round's 6 steps before each kill: two rounds a kill are more than enough.
    rounds = 2 * kills + 2
    write_rounds(undisturbed, rounds)

    done = []
    for _ in range(kills):
        kill_soon(killed, rounds=rounds, rng=rng)
        done.append(check_whole(killed, rounds=rounds))
    finish(killed, rounds=rounds)

    assert done == sorted(done)
    assert rows(killed) == rows(undisturbed)
    assert not list(killed.rglob("*.part"))


@pytest.mark.parametrize(
    ("limit", "reason", "least_done"),
    [
        # A file may hold so many bytes: too few for the first adapter ...
        (40_000, "File too large", 0),
        # ... or enough for it, but not for SQLite's log when some rounds have filled it.
        (100_000, "disk I/O error", 1),
    ],
)
def test_a_full_disk_is_told_and_nothing_is_lost(
    tmp_path: Path, limit: int, reason: str, least_done: int
) -> None:
    folder, undisturbed = new_run(tmp_path / "full"), new_run(tmp_path / "undisturbed")
    write_rounds(undisturbed, 12)

    with start(folder, rounds=12, limit=limit) as writer:
        said, errors = writer.communicate(timeout=60)

    assert writer.returncode == StoreError.exit_code
    assert errors.startswith(f"StoreError: {folder}")
    assert reason in errors
    assert "resume" in errors
    done = check_whole(folder, rounds=12)
    assert done >= least_done
    # A row that was reported as written is there: 3 rows a round.
    assert 3 * done <= said.count("row") < 3 * (done + 1)
    finish(folder, rounds=12)
    assert rows(folder) == rows(undisturbed)


def main(folder: Path, rounds: int, limit: int) -> int:
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    say("begun")
    try:
        write_rounds(folder, rounds)
    except StoreError as error:
        sys.stderr.write(f"StoreError: {error}")
        return StoreError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
