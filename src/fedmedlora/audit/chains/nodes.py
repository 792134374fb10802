"""What py-evm stores of a chain, as rows of a SQLite file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth.db.backends.base import BaseDB

_SCHEMA = "CREATE TABLE IF NOT EXISTS nodes (key BLOB PRIMARY KEY, value BLOB NOT NULL)"


class Nodes(BaseDB):
    """An open file; what is written outside of `at_once` is there at once and for good."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        # One at rest is read as the plain file it is, also where nothing can be written.
        mode = "rwc" if writable else "ro&immutable=1" if _at_rest(path) else "ro"
        uri = f"{path.resolve().as_uri()}?mode={mode}"
        self._connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False
        )
        if writable:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(_SCHEMA)

    def is_empty(self) -> bool:
        """Return whether nothing was ever stored."""
        return self._connection.execute("SELECT 1 FROM nodes LIMIT 1").fetchone() is None

    def rows(self) -> dict[bytes, bytes]:
        """Return everything that is stored."""
        return dict(self._connection.execute("SELECT key, value FROM nodes"))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let all that is written in the block be there together, or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def __getitem__(self, key: bytes) -> bytes:
        sql = "SELECT value FROM nodes WHERE key = ?"
        row = self._connection.execute(sql, (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO nodes VALUES (?, ?)", (key, value))

    def __delitem__(self, key: bytes) -> None:
        self._connection.execute("DELETE FROM nodes WHERE key = ?", (key,))

    def _exists(self, key: bytes) -> bool:
        sql = "SELECT 1 FROM nodes WHERE key = ?"
        return self._connection.execute(sql, (key,)).fetchone() is not None


def _at_rest(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return not log.exists() or log.stat().st_size == 0
