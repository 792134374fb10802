"""Which adapters a run's rows name, and the end of those that none does."""

import json
from collections.abc import Collection
from pathlib import Path

from fedmedlora.experiment.database import Database
from fedmedlora.experiment.disk import store_errors

ADAPTERS = "adapters"
"""The folder of a run that holds them."""
NAMING_KEYS = ("adapter", "delta", "sha256")
"""The keys of a document under which the digest of an adapter may stand."""


def sweep(folder: Path, database: Database, *, only: Collection[str] | None = None) -> None:
    """Take away the adapters that no row names, or those of them that are asked for."""
    documents = [
        json.loads(document)
        for table in ("site_updates", "rounds", "arms")
        for (document,) in database.rows(f"SELECT document FROM {table}")  # noqa: S608
    ]
    named = {document.get(key) for document in documents for key in NAMING_KEYS}
    with store_errors(folder):
        for path in (folder / ADAPTERS).glob("*.safetensors"):
            if path.stem not in named and (only is None or path.stem in only):
                path.unlink(missing_ok=True)
