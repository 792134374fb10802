"""A signed run from its first round to its proof, and everything that is done to it afterwards."""

import json
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.experiment.fakes import Crash, FakeEngine, cohorts, experiment, new_store, toml

from fedmedlora.audit.identity import open_identities, rotate_identity
from fedmedlora.engines.rehearsal import rehearsal
from fedmedlora.errors import FedMedLoRAError, IdentityError, InputError, StoreError
from fedmedlora.experiment import journal
from fedmedlora.experiment.run import run
from fedmedlora.experiment.run_ledger import revoke_site
from fedmedlora.experiment.store import RunStore
from fedmedlora.experiment.verdict import Verdict
from fedmedlora.experiment.verifying import verify
from fedmedlora.federation.notary import Closed, Notary

ROOT = Path(__file__).parents[2]
ARMS = ("single_site", "fed_medlora", "fed_medlora_plus")
AUDIT = '\n[audit]\nledger = "embedded"\nkeep_updates = true\n'


def signed_toml(*arms: str, audit: str = AUDIT, rounds: int = 2) -> str:
    return toml(arms or ARMS, rounds=rounds) + audit


def go_on(folder: Path, engine: FakeEngine | None = None) -> None:
    """Run what is missing of the run in a folder, signed."""
    engine = engine or FakeEngine()
    with RunStore.open(folder, writable=True) as store:
        told = store.experiment()
        with rehearsal(told, engine, store, cohorts()) as notary:
            run(told, engine, store, cohorts(), notary=notary)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    new_store(folder, signed_toml()).close()
    go_on(folder / "run")
    return folder / "run"


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def found(folder: Path, *, heads: tuple[Path, ...] = ()) -> Verdict:
    return verify(folder, heads=heads)


def changed(file: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        assert connection.execute(sql, values).rowcount >= 1


def test_a_run_that_was_left_alone_is_as_it_was_sealed(finished: Path) -> None:
    verdict = found(finished)

    assert (verdict.faults, verdict.remarks) == ([], [])
    # Two arms of two rounds with three sites, a new site among the enrolled; each of the five seals
    # (the run's too) was countersigned by four, who keep it.
    assert verdict.counts == {
        "enrolments": 4,
        "updates": 12,
        "rounds": 4,
        "adapters read": len(list((finished / "adapters").iterdir())),
        "shares recomputed": 4,
        "aggregates recomputed": 4,
        "heads": 5 + 4 * 5,
        "countersigned heads": 4 * 5,
    }


def test_a_signed_run_ends_in_the_bytes_of_one_that_is_not(finished: Path, tmp_path: Path) -> None:
    with new_store(tmp_path, signed_toml(audit="")) as store:
        run(experiment(signed_toml(audit="")), FakeEngine(), store, cohorts())
        plain = {arm: [one["adapter"] for one in store.rounds(arm)] for arm in ARMS}

    with RunStore.open(finished) as store:
        assert {arm: [one["adapter"] for one in store.rounds(arm)] for arm in ARMS} == plain


def test_a_run_in_which_nothing_is_signed_cannot_be_verified(tmp_path: Path) -> None:
    new_store(tmp_path, signed_toml(audit="")).close()

    with pytest.raises(InputError, match=r"nothing is signed.*set \[audit\] ledger"):
        found(tmp_path / "run")


def test_updates_are_added_up_again_only_where_they_are_kept(tmp_path: Path) -> None:
    new_store(tmp_path, signed_toml(audit='\n[audit]\nledger = "embedded"\n')).close()
    go_on(tmp_path / "run")

    verdict = found(tmp_path / "run")

    assert verdict.faults == []
    assert verdict.counts["shares recomputed"] == 4
    assert "aggregates recomputed" not in verdict.counts


@pytest.mark.parametrize("crash_at", range(3, 60, 8))
def test_after_a_kill_everything_is_sealed_once(tmp_path: Path, crash_at: int) -> None:
    new_store(tmp_path, signed_toml("fed_medlora", "fed_medlora_plus")).close()
    with pytest.raises(Crash):
        go_on(tmp_path / "run", FakeEngine(crash_at=crash_at))

    go_on(tmp_path / "run")

    verdict = found(tmp_path / "run")
    assert (verdict.faults, verdict.remarks) == ([], [])
    assert verdict.counts["aggregates recomputed"] == 4
    assert verdict.counts["enrolments"] == 4


def test_a_run_under_way_is_not_faulty(tmp_path: Path) -> None:
    new_store(tmp_path, signed_toml("fed_medlora")).close()
    with pytest.raises(Crash):
        go_on(tmp_path / "run", FakeEngine(crash_at=30))

    verdict = found(tmp_path / "run")

    assert verdict.faults == []
    assert any("after the last seal" in remark for remark in verdict.remarks)


def test_a_revoked_site_is_left_out_and_the_run_goes_on(tmp_path: Path) -> None:
    new_store(tmp_path, signed_toml("fed_medlora", rounds=3)).close()
    with pytest.raises(Crash):
        go_on(tmp_path / "run", FakeEngine(crash_at=30))

    revoke(tmp_path / "run", "lungs")
    go_on(tmp_path / "run")

    with RunStore.open(tmp_path / "run") as store:
        last = store.rounds("fed_medlora")[-1]
    assert [(one["site"], one["code"]) for one in last["absences"]] == [("lungs", "revoked_site")]
    assert sorted(last["shares"]) == ["bones", "heart"]
    verdict = found(tmp_path / "run")
    assert verdict.faults == []
    (remark,) = verdict.remarks
    assert re.fullmatch(r"lungs: revoked with block \d+", remark)


@pytest.mark.parametrize("crash_at", [11, 20, 29])
def test_a_site_with_new_keys_goes_on(tmp_path: Path, crash_at: int) -> None:
    new_store(tmp_path, signed_toml("fed_medlora", rounds=3)).close()
    with pytest.raises(Crash):
        go_on(tmp_path / "run", FakeEngine(crash_at=crash_at))

    rotate_identity(keys(tmp_path / "run", "lungs"), b"")
    go_on(tmp_path / "run")

    verdict = found(tmp_path / "run")
    assert (verdict.faults, verdict.remarks) == ([], [])
    assert (verdict.counts["enrolments"], verdict.counts["rotations"]) == (5, 1)
    with RunStore.open(tmp_path / "run") as store:
        # What it had signed with the old ones in the open round it was asked for again.
        assert [len(one["shares"]) for one in store.rounds("fed_medlora")] == [3, 3, 3]


def test_a_run_is_finished_by_the_keys_of_the_operator_that_began_it(tmp_path: Path) -> None:
    new_store(tmp_path, signed_toml("fed_medlora", rounds=3)).close()
    with pytest.raises(Crash):
        go_on(tmp_path / "run", FakeEngine(crash_at=30))

    rotate_identity(keys(tmp_path / "run", "operator"), b"")
    go_on(tmp_path / "run")

    verdict = found(tmp_path / "run")
    assert (verdict.faults, verdict.remarks) == ([], [])
    assert verdict.counts["aggregates recomputed"] == 3


@pytest.mark.parametrize("name", ["lungs", "operator"])
def test_keys_that_were_lost_are_not_made_up(tmp_path: Path, name: str) -> None:
    new_store(tmp_path, signed_toml("fed_medlora", rounds=3)).close()
    with pytest.raises(Crash):
        go_on(tmp_path / "run", FakeEngine(crash_at=30))
    keys(tmp_path / "run", name).unlink()

    with pytest.raises(IdentityError, match=r"found .*did:key:.*, expected .*did:key:.*your copy"):
        go_on(tmp_path / "run")


def test_a_run_in_which_another_enrolment_was_put_does_not_go_on(tmp_path: Path) -> None:
    new_store(tmp_path, signed_toml("fed_medlora", rounds=3)).close()
    with pytest.raises(Crash):
        go_on(tmp_path / "run", FakeEngine(crash_at=30))
    with RunStore.open(tmp_path / "run", writable=True) as store:
        told = store.meta("audit")
        bones, lungs = (told["enrolled"][site][0] for site in ("bones", "lungs"))
        spoilt = {**bones, "document": lungs["document"]}
        store.put_meta("audit", {**told, "enrolled": {**told["enrolled"], "bones": [spoilt]}})

    with pytest.raises(StoreError, match=r"enrolment of bones: found .*, expected .*your copy"):
        go_on(tmp_path / "run")


def test_keys_of_nobody_are_not_revoked(copied: Path) -> None:
    with pytest.raises(InputError, match=r"found no site 'knees' enrolled, expected .*bones"):
        revoke(copied, "knees")


def keys(folder: Path, name: str) -> Path:
    return folder / "identities" / f"{name}.json"


def revoke(folder: Path, site: str) -> int:
    return revoke_site(folder, site, open_identities(keys(folder, "operator"), b""))


def test_yesterdays_ledger_is_found_by_a_head_that_a_site_kept(
    tmp_path: Path, finished: Path
) -> None:
    new_store(tmp_path, signed_toml("fed_medlora", rounds=3)).close()
    folder = tmp_path / "run"
    with pytest.raises(Crash):
        go_on(folder, FakeEngine(crash_at=30))
    shutil.copytree(folder, tmp_path / "yesterday")
    go_on(folder)
    kept = Path(shutil.copy(folder / "heads" / "bones.jsonl", tmp_path / "kept.jsonl"))

    # All of yesterday is put back, the sites' own files too; one site brings its own.
    assert found(tmp_path / "yesterday").faults == []
    told = found(tmp_path / "yesterday", heads=(kept,)).faults

    assert told
    assert all("kept.jsonl: found no block" in fault for fault in told)
    # A ledger of somebody else is none of theirs.
    other = found(folder, heads=(finished / "heads" / "bones.jsonl",)).faults
    assert any("expected did:key" in fault for fault in other)


def test_yesterdays_run_is_found_by_the_ledger_of_today(tmp_path: Path) -> None:
    new_store(tmp_path, signed_toml("fed_medlora", rounds=3)).close()
    folder, yesterday = tmp_path / "run", tmp_path / "yesterday"
    with pytest.raises(Crash):
        go_on(folder, FakeEngine(crash_at=30))
    shutil.copytree(folder, yesterday)
    go_on(folder)

    shutil.copy(folder / "ledger.sqlite", yesterday)

    # One round was closed by then, and all three stand on the ledger.
    faults = found(yesterday).faults
    assert any("arm fed_medlora: found 1 records, expected more" in fault for fault in faults)
    # Nor is a site's head of a round that the run does not have any more let pass.
    kept = found(yesterday, heads=(folder / "heads" / "bones.jsonl",)).faults
    assert any("bones.jsonl: found a seal of block" in fault for fault in kept)


def test_a_run_whose_seals_were_taken_away_is_not_one_that_goes_on(copied: Path) -> None:
    changed(copied / "run.sqlite", "DELETE FROM seals")
    changed(copied / "run.sqlite", "DELETE FROM witnesses")
    changed(copied / "run.sqlite", "DELETE FROM arms")
    shutil.rmtree(copied / "heads")
    rewritten(copied, lambda entry: entry)

    faults = found(copied).faults

    for where in ("arm fed_medlora", "arm fed_medlora_plus", "run"):
        assert any(fault.startswith(f"{where}: found 0 records") for fault in faults)


@dataclass(frozen=True)
class StoppedBeforeSealing:
    """A notary that never comes to seal a round."""

    notary: Notary

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the other has
        return getattr(self.notary, name)

    def seal(self, closed: Closed, *, before: str) -> dict[str, Any]:
        del closed, before
        raise Crash


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda one: one["manifests"].pop("lungs"), "found nothing signed, expected a manifest"),
        (
            lambda one: one.update(privacy={"lungs": {"epsilon": 0.1}}),
            "found another privacy than the site has signed",
        ),
    ],
    ids=["an update", "its privacy"],
)
def test_what_no_site_signed_is_found_though_the_coordinator_seals_it(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], told: str
) -> None:
    new_store(tmp_path, signed_toml("fed_medlora")).close()
    folder, engine = tmp_path / "run", FakeEngine()
    with RunStore.open(folder, writable=True) as store:
        said = store.experiment()
        with pytest.raises(Crash), rehearsal(said, engine, store, cohorts()) as notary:
            run(said, engine, store, cohorts(), notary=StoppedBeforeSealing(notary))
        (document,) = store.rounds("fed_medlora")
    change(document)
    changed(folder / "run.sqlite", "UPDATE rounds SET document = ?", json.dumps(document))
    rewritten(folder, lambda entry: entry)

    go_on(folder)

    assert found(folder).faults == [f"arm fed_medlora, round 1, update of lungs: {told}"]


@pytest.mark.parametrize(
    ("name", "sql", "told"),
    [
        ("run.sqlite", "UPDATE rounds SET document = replace(document, '300', '301')", "rounds, r"),
        ("run.sqlite", "DELETE FROM finals WHERE site = 'bones'", "finals, row"),
        ("run.sqlite", "DELETE FROM journal WHERE number = 9", "journal, line 10"),
        (
            "ledger.sqlite",
            "DELETE FROM nodes WHERE rowid = (SELECT max(rowid) FROM nodes)",
            "ledger.sqlite",
        ),
        (
            "ledger.sqlite",
            "UPDATE nodes SET value = x'00' WHERE rowid = (SELECT min(rowid) FROM nodes)",
            "ledger.sqlite",
        ),
    ],
)
def test_a_row_that_was_changed_is_named(copied: Path, name: str, sql: str, told: str) -> None:
    changed(copied / name, sql)

    assert any(told in fault for fault in found(copied).faults)


def test_a_history_that_was_written_anew_is_found_by_its_seals(copied: Path) -> None:
    # Whoever changes a row can write the journal anew, but not sign for it.
    with closing(sqlite3.connect(copied / "run.sqlite")) as connection:
        rows = connection.execute("SELECT arm, site, document FROM finals").fetchall()
    arm, site, document = rows[0]
    rewritten(copied, lambda entry: entry)
    changed(
        copied / "run.sqlite",
        "UPDATE finals SET document = ? WHERE arm = ? AND site = ?",
        document.replace("10", "11"),
        arm,
        site,
    )
    rewritten(copied, lambda entry: entry)

    faults = found(copied).faults

    assert any("found a journal that does not hold what was sealed" in one for one in faults)


def rewritten(folder: Path, change: Callable[[str], str]) -> None:
    """Write the journal of a run anew, as whoever holds its folder can."""
    with closing(sqlite3.connect(folder / "run.sqlite")) as connection, connection:
        connection.execute("DELETE FROM journal")
        for table, width in journal.TABLES.items():
            for row in connection.execute(f"SELECT * FROM {table}").fetchall():  # noqa: S608 -- ours
                journal.write(connection, table, row[:width], change(row[-1]))


def test_a_coordinator_that_followed_another_rule_is_found(tmp_path: Path) -> None:
    # It signs and seals what it did, and its experiment says something else.
    said = signed_toml("fed_medlora")
    did = experiment(said.replace("max_share = 1.0", "max_share = 0.5"))
    new_store(tmp_path, said).close()
    with RunStore.open(tmp_path / "run", writable=True) as store:
        engine = FakeEngine()
        with rehearsal(did, engine, store, cohorts()) as notary:
            run(did, engine, store, cohorts(), notary=notary)

    faults = found(tmp_path / "run").faults

    for index in (1, 2):
        where = f"arm fed_medlora, round {index}: found another"
        assert f"{where} global adapter than the updates give" in faults
        assert f"{where.removesuffix(' another')} other shares than the reports give" in faults


def test_an_adapter_that_was_changed_is_found(copied: Path) -> None:
    for path in sorted((copied / "adapters").iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

        assert any(path.stem in fault for fault in found(copied).faults), path
        path.write_bytes(content)


def canonical_dump(folder: Path) -> dict[str, list[object]]:
    """Return every row of a run and of its ledger."""
    tables = {"run.sqlite": (*journal.TABLES, "journal"), "ledger.sqlite": ("nodes",)}
    dump: dict[str, list[object]] = {}
    for name, names in tables.items():
        uri = f"{(folder / name).as_uri()}?immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            for table in names:
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 -- ours
                dump[f"{name}/{table}"] = sorted(rows, key=repr)
    return dump


@pytest.mark.parametrize("num_flips", [25, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_found_or_changes_nothing(
    finished: Path, tmp_path: Path, num_flips: int
) -> None:
    rng = random.Random(0)  # noqa: S311 -- no secret
    folder = Path(shutil.copytree(finished, tmp_path / "run"))
    before = canonical_dump(folder)
    files = [folder / "run.sqlite", folder / "ledger.sqlite", *(folder / "adapters").iterdir()]
    weights = [file.stat().st_size for file in files]
    harmless = 0

    for _ in range(num_flips):
        (file,) = rng.choices(files, weights)
        content = bytearray(file.read_bytes())
        place = rng.randrange(len(content))
        content[place] ^= 1 << rng.randrange(8)
        original = file.read_bytes()
        file.write_bytes(content)
        if not is_found(folder):
            assert file.parent.name != "adapters"
            assert canonical_dump(folder) == before, (file.name, place)
            harmless += 1
        file.write_bytes(original)

    assert is_found(folder) is False
    # Free room in pages is never read; most of the rest is rows.
    assert harmless < num_flips


def is_found(folder: Path) -> bool:
    try:
        return bool(found(folder).faults)
    except (FedMedLoRAError, UnicodeDecodeError):
        return True


@pytest.mark.parametrize("num_kills", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_ends_in_the_same_bytes_and_proves_them(
    tmp_path: Path, num_kills: int
) -> None:
    rng, text = random.Random(5), signed_toml("fed_medlora", rounds=15)  # noqa: S311 -- no secret
    text = text.replace("patience = 2", "patience = 20")
    for folder in (tmp_path / "killed", tmp_path / "undisturbed"):
        new_store(folder, text).close()
    go_on(tmp_path / "undisturbed" / "run")
    told = 0

    for _ in range(num_kills):
        told += killed(tmp_path / "killed" / "run", steps=rng.randint(1, 6), rng=rng)
    go_on(tmp_path / "killed" / "run")

    assert told > 0
    verdict = found(tmp_path / "killed" / "run")
    assert (verdict.faults, verdict.remarks) == ([], [])
    assert verdict.counts["aggregates recomputed"] == 15
    ended, meant = (adapters(tmp_path / name / "run") for name in ("killed", "undisturbed"))
    assert ended == meant


def killed(folder: Path, *, steps: int, rng: random.Random) -> int:
    """Return how many steps a process has said that was killed on its way."""
    command = [sys.executable, "-m", "tests.engines.test_rehearsal", str(folder)]
    said = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        for _ in range(steps):
            said += bool(running.stdout.readline())
        time.sleep(rng.uniform(0, 0.06))
        running.send_signal(signal.SIGKILL)
    return said


def adapters(folder: Path) -> list[str]:
    with RunStore.open(folder) as store:
        return [one["adapter"] for one in store.rounds("fed_medlora")]


if __name__ == "__main__":
    go_on(Path(sys.argv[1]), FakeEngine(say_steps=True))
