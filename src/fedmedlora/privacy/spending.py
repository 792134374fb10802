"""What private steps took, written down before they are taken, and never taken back.

One row is one round's steps, paid in advance. A training that a kill cut short has been paid for;
when it is done again it is paid again, as its first steps may have been seen. So the record may
count more than happened, and never less.

A budget holds over all that a site's record has, whichever run and arm asked for it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from fedmedlora.errors import StoreError, TrainingError
from fedmedlora.privacy.accounting import Steps, composed

FILE = "privacy.sqlite"
_WAIT_S = 60.0
_ROUNDING = 1e-9
_TABLE = """
CREATE TABLE IF NOT EXISTS payments (site TEXT NOT NULL, run TEXT NOT NULL, arm TEXT NOT NULL,
    round_index INTEGER NOT NULL, unit TEXT NOT NULL, noise_multiplier REAL NOT NULL,
    rate REAL NOT NULL, steps INTEGER NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """What all that is ever trained on a site's notes may come to."""

    epsilon: float
    delta: float


@dataclass(frozen=True, slots=True)
class Payment:
    """The steps of one round at one site.

    Attributes:
        site: Whose notes.
        unit: Whose presence the noise hides.
        noise_multiplier: sigma, see `accounting`.
        rate: q.
        steps: How many, all of them paid before the first.
    """

    site: str
    run: str
    arm: str
    round_index: int
    unit: str
    noise_multiplier: float
    rate: float
    steps: int

    @property
    def block(self) -> Steps:
        """Return what is counted of it."""
        return Steps(self.noise_multiplier, self.rate, self.steps)


@dataclass(frozen=True, slots=True)
class Spending:
    """A place's record of what was spent, in a file of its own; several processes may share it.

    Attributes:
        folder: Where the file stands.
        budget: What a site may spend; None sets no limit.
    """

    folder: Path
    budget: Budget | None = None

    def pay(self, payment: Payment) -> tuple[Payment, ...]:
        """Return all that a site has paid, this payment last, once it is on the disk.

        Raises:
            TrainingError: It would go beyond the budget, or counts another unit than the record.
            StoreError: It cannot be written.
        """
        columns = ", ".join("?" * len(fields(Payment)))
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            paid = (*_paid(connection, payment.site), payment)
            self._require(paid)
            connection.execute(f"INSERT INTO payments VALUES ({columns})", astuple(payment))  # noqa: S608
            connection.execute("COMMIT")
        return paid

    def paid(self, site: str) -> tuple[Payment, ...]:
        """Return all that a site has paid, in order.

        Raises:
            StoreError: The record cannot be read.
        """
        if not (self.folder / FILE).exists():
            return ()
        with self._open() as connection:
            return _paid(connection, site)

    def _require(self, paid: tuple[Payment, ...]) -> None:
        *before, last = paid
        others = sorted({one.unit for one in before} - {last.unit})
        if others:
            raise TrainingError(
                f"privacy of {last.site}: found steps paid by {others[0]}, expected {last.unit}, "
                "as this training counts; what hides one does not add up with what hides the other"
            )
        if self.budget is None:
            return
        would_be = composed((one.block for one in paid), self.budget.delta)
        if would_be > self.budget.epsilon * (1 + _ROUNDING):
            raise TrainingError(
                f"privacy of {last.site}: found that {last.steps} more steps would come to epsilon "
                f"{would_be:.4g} with {len(before)} trainings before, expected at most "
                f"{self.budget.epsilon:g} at delta {self.budget.delta:g}; the site's budget is "
                "spent, nothing was trained"
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / FILE
            with closing(
                sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(_TABLE)
                # Closing rolls back what was begun and not committed.
                yield connection
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self.folder / FILE}: found {str(error)!r}, expected a record that can be "
                "written; nothing is trained in private without it"
            ) from error


def _paid(connection: sqlite3.Connection, site: str) -> tuple[Payment, ...]:
    names = ", ".join(field.name for field in fields(Payment))
    sql = f"SELECT {names} FROM payments WHERE site = ? ORDER BY rowid"  # noqa: S608
    return tuple(Payment(*row) for row in connection.execute(sql, (site,)))
