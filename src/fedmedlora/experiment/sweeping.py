"""Which adapters a run's rows name, and the end of those that none does."""

from collections.abc import Collection
from pathlib import Path

from fedmedlora.experiment.database import Database
from fedmedlora.experiment.disk import store_errors

ADAPTERS = "adapters"
"""The folder of a run that holds them."""
NAMING_KEYS = ("adapter", "delta", "kept", "memory", "sha256", "before", "stays")
"""The keys of a document under which the digest of an adapter may stand."""
ELSEWHERE = ("kept", "stays")
"""Those that a site may have on a shelf of its own."""


_NAMED = " UNION ".join(
    f"SELECT json_extract(document, '$.{key}') FROM {table}"  # noqa: S608
    for table in ("site_updates", "rounds", "arms")
    for key in NAMING_KEYS
)
_KEPT = " UNION ".join(
    f"SELECT kept.value FROM rounds, json_each(rounds.document, '$.{key}') AS kept"  # noqa: S608
    for key in ("memories", "updates")
)


def sweep(folder: Path, database: Database, *, only: Collection[str] | None = None) -> None:
    """Take away the adapters that no row names, or those of them that are asked for."""
    named = {sha256 for (sha256,) in database.rows(f"{_NAMED} UNION {_KEPT}")}
    with store_errors(folder):
        for path in (folder / ADAPTERS).glob("*.safetensors"):
            if path.stem not in named and (only is None or path.stem in only):
                path.unlink(missing_ok=True)
