"""A run's journal: a line for each row written or taken away, over the line before.

    head_i  =  sha256(head_(i-1) ++ entry_i)        entry  =  [table, [key], sha256 of the document]

head_0 is 32 zeros, an entry is JSON, and the digest null where the row was taken away. So a head
stands for every row there was up to it: whoever has signed or kept one can tell whether the rows
are still those. By itself it proves nothing, for who writes a row can write its line.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence

FIRST = "00" * 32
TABLES: Mapping[str, int] = {
    "meta": 1,
    "site_updates": 1,
    "rounds": 2,
    "finals": 2,
    "arms": 2,
    "drawn": 1,
    "seals": 2,
    "witnesses": 2,
}
"""Every table of a run but the journal itself, with the number of its columns that are the key."""

Key = Sequence[object]


def write(connection: sqlite3.Connection, table: str, key: Key, document: str | None) -> None:
    """Add the line of a row, within the transaction that writes it.

    Args:
        document: Of the row, as it stands there; None where it is taken away.
    """
    last = connection.execute("SELECT head FROM journal ORDER BY number DESC LIMIT 1").fetchone()
    entry = json.dumps([table, [*key], None if document is None else _sha256(document)])
    head = _following(last[0] if last else FIRST, entry)
    connection.execute("INSERT INTO journal (entry, head) VALUES (?, ?)", (entry, head))


def faults(connection: sqlite3.Connection) -> list[str]:
    """Return what of a run's rows does not follow from its journal, a sentence each."""
    told = FIRST
    found: list[str] = []
    said: dict[tuple[object, ...], str | None] = {}
    for number, entry, head in connection.execute(
        "SELECT number, entry, head FROM journal ORDER BY number"
    ):
        told = _following(told, entry)
        # After the first that does not follow none does.
        if told != head and not found:
            found.append(f"journal, line {number}: found one that does not follow the last")
        said |= _read(entry)
    held = {row: _sha256(document) for row, document in _rows(connection)}
    differing = [row for row in held.keys() | said.keys() if held.get(row) != said.get(row)]
    return found + [
        f"{_named(row)}: {_told(held.get(row), said.get(row))}"
        for row in sorted(differing, key=str)
    ]


def head_behind(connection: sqlite3.Connection, table: str, key: Key) -> str:
    """Return the journal's head with a row in it, as it was last written.

    Raises:
        KeyError: It never was.
    """
    prefix = json.dumps([table, [*key]])[:-1] + ","
    sql = "SELECT head FROM journal WHERE substr(entry, 1, ?) = ? ORDER BY number DESC LIMIT 1"
    row = connection.execute(sql, (len(prefix), prefix)).fetchone()
    if row is None:
        raise KeyError((table, *key))
    return str(row[0])


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[tuple[object, ...], str]]:
    for table, width in TABLES.items():
        for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 -- one of ours
            yield (table, *row[:width]), row[-1]


def _read(entry: str) -> dict[tuple[object, ...], str | None]:
    try:
        table, key, sha256 = json.loads(entry)
    except (TypeError, ValueError):
        # One that was damaged says nothing, so that its row is one that nobody wrote.
        return {}
    return {(table, *key): sha256}


def _following(head: str, entry: str) -> str:
    return hashlib.sha256(bytes.fromhex(head) + entry.encode()).hexdigest()


def _sha256(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def _named(row: tuple[object, ...]) -> str:
    return f"{row[0]}, row {', '.join(str(part) for part in row[1:])}"


def _told(held: str | None, said: str | None) -> str:
    if held is None:
        return "found no such row, expected the one that was written"
    if said is None:
        return "found a row that was never written, or was taken away"
    return "found another content than was written"
