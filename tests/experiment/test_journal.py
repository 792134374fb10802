"""Whether a row that was changed behind the program's back is found."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from fedmedlora.experiment.store import RunStore


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a run's folder with a row in some tables, one written twice, one taken away."""
    experiment, folder = tmp_path / "experiment.toml", tmp_path / "run"
    experiment.write_text("", encoding="utf-8")
    with RunStore.create(folder, experiment_path=experiment, environment={}) as store:
        store.put_meta("notes", {"a": "1"})
        store.put_meta("notes", {"a": "2"})
        store.put_site_update("gone", {"site": "a"})
        store.forget_site_updates(["gone", "never there"])
        store.put_round("fed", 1, {"score": 0.5})
        store.put_final("fed", "a", {"f1": 0.5})
        store.put_arm("fed", {"seconds": 1}, position=0)
        store.put_drawn("fed", [])
    return folder


def faults(run: Path) -> list[str]:
    with RunStore.open(run) as store:
        return store.seals.journal_faults()


def changed(run: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(run / "run.sqlite")) as connection, connection:
        assert connection.execute(sql, values).rowcount == 1


def test_rows_that_the_program_wrote_follow_from_the_journal(run: Path) -> None:
    assert faults(run) == []


def test_a_head_is_the_digest_of_the_one_before_and_the_entry(run: Path) -> None:
    with closing(sqlite3.connect(run / "run.sqlite")) as connection:
        lines = connection.execute("SELECT entry, head FROM journal ORDER BY number").fetchall()

    entry = json.dumps(["rounds", ["fed", 1], hashlib.sha256(b'{"score": 0.5}').hexdigest()])
    (place,) = [index for index, (said, _) in enumerate(lines) if said == entry]
    before = bytes.fromhex(lines[place - 1][1])
    assert lines[place][1] == hashlib.sha256(before + entry.encode()).hexdigest()
    with RunStore.open(run) as store:
        assert store.seals.journal_head("rounds", "fed", 1) == lines[place][1]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE rounds SET document = '{\"score\": 0.6}'", "rounds, row fed, 1: found another"),
        ("UPDATE finals SET site = 'b'", "finals, row fed, a: found no such row"),
        ("DELETE FROM arms", "arms, row 0, fed: found no such row"),
        ("INSERT INTO site_updates VALUES ('gone', '{}')", "site_updates, row gone: found a row"),
        ("INSERT INTO seals VALUES ('fed', 1, '{}')", "seals, row fed, 1: found a row that was"),
        ("DELETE FROM journal WHERE number = 3", "journal, line 4: found one that does not"),
        ("UPDATE journal SET head = '00' WHERE number = 2", "journal, line 2: found one"),
    ],
)
def test_a_change_behind_its_back_is_named(run: Path, sql: str, told: str) -> None:
    changed(run, sql)

    assert any(fault.startswith(told) for fault in faults(run)), faults(run)
