"""What was sealed of a run, and the journal that tells whether its rows are still those."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fedmedlora.experiment.database import Database

Document = dict[str, Any]

RUN = ""
"""The arm under which the whole run is sealed, each time that it ends."""


@dataclass(frozen=True, slots=True)
class Seals:
    """The part of a run's store that bears witness to the others."""

    database: Database

    def of(self, arm: str) -> dict[int, Document]:
        """Return the sealed records of an arm, or of the `RUN`, by round."""
        sql = "SELECT round_index, document FROM seals WHERE arm = ? ORDER BY round_index"
        return {index: json.loads(document) for index, document in self.database.rows(sql, arm)}

    def heads(self) -> list[str]:
        """Return what the sites were shown of the ledger, the first first."""
        rows = self.database.rows("SELECT document FROM seals ORDER BY rowid")
        return [json.loads(document)["head"] for (document,) in rows]

    def put(self, arm: str, round_index: int, document: Document) -> None:
        """Record the sealed record of a round."""
        self.database.put("seals", arm, round_index, document=document)

    def witnesses(self, arm: str) -> dict[int, dict[str, str]]:
        """Return by round who has countersigned it, site to the head under the site's signature."""
        sql = "SELECT round_index, document FROM witnesses WHERE arm = ? ORDER BY round_index"
        return {index: json.loads(document) for index, document in self.database.rows(sql, arm)}

    def put_witnesses(self, arm: str, round_index: int, witnesses: Mapping[str, str]) -> None:
        """Record who has countersigned a round."""
        self.database.put("witnesses", arm, round_index, document=dict(witnesses))

    def head(self) -> str:
        """Return the head of the journal."""
        sql = "SELECT head FROM journal ORDER BY number DESC LIMIT 1"
        return str(self.database.rows(sql)[0][0])

    def has_head(self, head: str) -> bool:
        """Return whether the journal has been at a head."""
        return bool(self.database.rows("SELECT 1 FROM journal WHERE head = ?", head))

    def is_last(self, arm: str, round_index: int) -> bool:
        """Return whether nothing was written after a sealed record but who has countersigned it."""
        if round_index not in self.of(arm):
            return False
        last = "witnesses" if round_index in self.witnesses(arm) else "seals"
        return self.head() == self.journal_head(last, arm, round_index)

    def journal_head(self, table: str, *key: object) -> str:
        """Return the head of the journal with a row in it.

        Raises:
            KeyError: The row was never written.
        """
        return self.database.journal_head(table, *key)

    def journal_faults(self) -> list[str]:
        """Return what of the rows does not follow from the journal, a sentence each."""
        return self.database.journal_faults()
