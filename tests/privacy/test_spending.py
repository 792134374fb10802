import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fedmedlora.errors import StoreError, TrainingError
from fedmedlora.privacy.accounting import epsilon
from fedmedlora.privacy.spending import FILE, Budget, Payment, Spending

PAYMENT = Payment("heart", "demo", "fed_medlora", 1, "note", 4.0, 1.0, 10)


def pay_for_ever(folder: Path) -> None:
    """Pay and say so, over and over, as a site that trains would."""
    number = 0
    while True:
        number += 1
        Spending(folder).pay(replace(PAYMENT, round_index=number))
        print(number, flush=True)  # noqa: T201 -- whoever kills us waits for it


def test_what_is_paid_is_kept_in_order_by_site(tmp_path: Path) -> None:
    spending = Spending(tmp_path / "site")
    second, elsewhere = replace(PAYMENT, round_index=2), replace(PAYMENT, site="bones")

    spending.pay(PAYMENT)
    spending.pay(elsewhere)

    assert spending.pay(second) == (PAYMENT, second)
    assert Spending(tmp_path / "site").paid("heart") == (PAYMENT, second)
    assert spending.paid("bones") == (elsewhere,)
    assert spending.paid("lungs") == ()


def test_who_never_paid_has_no_file(tmp_path: Path) -> None:
    assert Spending(tmp_path).paid("heart") == ()
    assert list(tmp_path.iterdir()) == []


def test_a_budget_holds_over_runs_arms_and_restarts(tmp_path: Path) -> None:
    # 10 steps at sigma 4 come to 3.3414, 20 to more than 4.
    budget = Budget(4.0, 1e-5)
    assert epsilon(4.0, 1.0, 20, 1e-5) > 4.0
    Spending(tmp_path, budget).pay(PAYMENT)

    other = replace(PAYMENT, run="next", arm="flora")
    with pytest.raises(TrainingError) as caught:
        Spending(tmp_path, budget).pay(other)

    message = str(caught.value)
    assert "10 more steps would come to epsilon" in message
    assert "expected at most 4 at delta 1e-05" in message
    assert "\n" not in message
    assert Spending(tmp_path, budget).paid("heart") == (PAYMENT,)
    # Another site has a budget of its own.
    Spending(tmp_path, budget).pay(replace(other, site="bones"))


def test_a_budget_that_is_met_exactly_is_not_exceeded(tmp_path: Path) -> None:
    exact = epsilon(4.0, 1.0, 10, 1e-5)

    Spending(tmp_path, Budget(exact, 1e-5)).pay(PAYMENT)


def test_notes_and_patients_do_not_add_up(tmp_path: Path) -> None:
    spending = Spending(tmp_path)
    spending.pay(PAYMENT)

    with pytest.raises(TrainingError, match="found steps paid by note, expected patient"):
        spending.pay(replace(PAYMENT, unit="patient"))


def test_a_record_that_cannot_be_written_lets_nobody_train(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 100)

    with pytest.raises(StoreError, match="nothing is trained in private without it"):
        Spending(tmp_path).pay(PAYMENT)


def test_every_payment_is_flushed_before_it_counts(tmp_path: Path) -> None:
    with Spending(tmp_path)._open() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_killed_at_any_moment_no_payment_that_was_told_is_lost(tmp_path: Path) -> None:
    rng = random.Random(0)  # noqa: S311 -- moments, no secrets
    told = 0
    for number_of_kills in range(1, 13):
        with subprocess.Popen(
            [sys.executable, __file__, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(rng.randrange(1, 6))]
            time.sleep(rng.random() / 100)
            process.send_signal(signal.SIGKILL)
            told += len([*lines, *process.stdout.read().split()])
        # One more a kill may be written and not told: nobody trains on it, and it counts.
        assert told <= len(Spending(tmp_path).paid("heart")) <= told + number_of_kills
    assert _damage(tmp_path) == "ok"


def _damage(folder: Path) -> str:
    connection = sqlite3.connect(folder / FILE)
    (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return str(found)


if __name__ == "__main__":
    pay_for_ever(Path(sys.argv[1]))
