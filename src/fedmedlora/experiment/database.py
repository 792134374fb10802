"""The run's SQLite file: JSON documents as text, each with its line in the journal.

A row and its line are one durable transaction.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

from fedmedlora.errors import StoreError
from fedmedlora.experiment import journal
from fedmedlora.experiment.disk import store_errors

_FILE = "run.sqlite"
_VERSION = 8
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE site_updates (key TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE rounds (arm TEXT, round_index INTEGER, document TEXT NOT NULL,
    PRIMARY KEY (arm, round_index));
CREATE TABLE finals (arm TEXT, site TEXT, document TEXT NOT NULL, PRIMARY KEY (arm, site));
CREATE TABLE arms (position INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL,
    document TEXT NOT NULL);
CREATE TABLE drawn (arm TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE seals (arm TEXT, round_index INTEGER, document TEXT NOT NULL,
    PRIMARY KEY (arm, round_index));
CREATE TABLE witnesses (arm TEXT, round_index INTEGER, document TEXT NOT NULL,
    PRIMARY KEY (arm, round_index));
CREATE TABLE journal (number INTEGER PRIMARY KEY, entry TEXT NOT NULL, head TEXT NOT NULL);
"""

Mode = Literal["ro", "rw", "rwc"]


class Database:
    """The open file of one run; trouble with it is a `StoreError`."""

    def __init__(self, folder: Path, *, mode: Mode) -> None:
        self._folder = folder
        self._writable = mode != "ro"
        with store_errors(folder):
            self._connection = _connected(folder, mode)

    def close(self) -> None:
        """Close the file."""
        with store_errors(self._folder):
            self._connection.close()

    def begin(self, *, key: str, document: object) -> None:
        """Make the tables and the first row of `meta`: from here on there is a run."""
        with store_errors(self._folder):
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            self._insert("meta", (key,), to_json(document), replace=False)
            self._connection.execute("COMMIT")

    def require_version(self) -> None:
        """Raise unless this program wrote the tables.

        Raises:
            StoreError: They are of another version.
        """
        version = _user_version(self._connection)
        if version != _VERSION:
            raise StoreError(
                f"{self._folder}: found a run store of version {version}, expected {_VERSION}; "
                "use the version of this program that wrote it"
            )

    def rows(self, sql: str, *key: object) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with store_errors(self._folder):
            return self._connection.execute(sql, key).fetchall()

    def document(self, sql: str, *key: object) -> Any:  # noqa: ANN401 -- any JSON value
        """Return the one document a query asks for, None where there is none."""
        rows = self.rows(sql, *key)
        return json.loads(rows[0][0]) if rows else None

    def put(self, table: str, *key: object, document: object, replace: bool = False) -> None:
        """Write one row.

        Args:
            replace: Whether it takes the place of one that stands there.

        Raises:
            ValueError: There is such a row, the document is not plain JSON, or the run was opened
                for reading.
        """
        self._require_writable()
        text = to_json(document)
        with self._at_once():
            try:
                self._insert(table, key, text, replace=replace)
            except sqlite3.IntegrityError as error:
                message = f"{self._folder}: found a second put of {key}, expected one"
                raise ValueError(message) from error

    def remove(self, table: str, keys: Collection[str]) -> None:
        """Take away the rows of some keys, those that there are.

        Raises:
            ValueError: The run was opened for reading.
        """
        self._require_writable()
        with self._at_once():
            for key in keys:
                sql = f"DELETE FROM {table} WHERE key = ?"  # noqa: S608 -- one of ours
                if self._connection.execute(sql, (key,)).rowcount:
                    journal.write(self._connection, table, (key,), None)

    def journal_head(self, table: str, *key: object) -> str:
        """Return the journal's head with a row in it.

        Raises:
            KeyError: The row was never written.
        """
        with store_errors(self._folder):
            return journal.head_behind(self._connection, table, key)

    def journal_faults(self) -> list[str]:
        """Return what does not follow from the journal, a sentence each."""
        with store_errors(self._folder):
            return journal.faults(self._connection)

    def _insert(self, table: str, key: Sequence[object], text: str, *, replace: bool) -> None:
        verb = "INSERT OR REPLACE" if replace else "INSERT"
        places = ", ".join("?" * (len(key) + 1))
        sql = f"{verb} INTO {table} VALUES ({places})"
        self._connection.execute(sql, (*key, text))
        journal.write(self._connection, table, key, text)

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        with store_errors(self._folder):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # A full disk ends the transaction by itself.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _require_writable(self) -> None:
        if not self._writable:
            raise ValueError(f"{self._folder}: found a store opened for reading, expected writing")


def has_run(folder: Path) -> bool:
    """Return whether a run has begun in a folder."""
    if not (folder / _FILE).is_file():
        return False
    with store_errors(folder), closing(_connected(folder, "ro")) as connection:
        return _user_version(connection) != 0


def to_json(document: object) -> str:
    """Return a document as JSON.

    Raises:
        ValueError: It holds NaN or infinity; what is undefined must be None.
        TypeError: It holds something that JSON does not know.
    """
    return json.dumps(document, allow_nan=False)


def _connected(folder: Path, mode: Mode) -> sqlite3.Connection:
    path = folder / _FILE
    # SQLite keeps files beside a database in use, would leave them there, and cannot make them on
    # a medium that is read-only. One at rest is read as the plain file it is.
    options = f"mode={mode}" + ("&immutable=1" if mode == "ro" and _at_rest(path) else "")
    uri = f"{path.resolve().as_uri()}?{options}"
    # Arms that run side by side are threads that take turns.
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _at_rest(path: Path) -> bool:
    """Return whether all that was written stands in the file itself, as after the last close."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size == 0
    except FileNotFoundError:
        return True


def _user_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
