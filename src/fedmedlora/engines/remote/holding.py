"""The bundles that a site holds, so that none travels twice."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedmedlora.adapters.files import open_adapter
from fedmedlora.adapters.shelves import FolderShelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import open_update
from fedmedlora.errors import ModelError
from fedmedlora.federation.broadcast import with_news

_NUM_HELD = 8
"""The arms under way at once, each with its last; what was let go is sent again whole."""


@dataclass(frozen=True, slots=True)
class Held:
    """Bundles by the sha256 of what they hold, in a folder of the site.

    Attributes:
        most_values: Values of a tensor at most that comes in.
    """

    folder: Path
    most_values: int

    def has(self, sha256: str) -> bool:
        """Return whether a bundle is here."""
        return self._path(sha256).is_file()

    def get(self, sha256: str) -> AdapterWeights:
        """Return a bundle.

        Raises:
            ModelError: It is not here, or was altered.
        """
        bundle = FolderShelf(self.folder).get(sha256)
        self._renew(sha256)
        return bundle

    def put(self, bundle: AdapterWeights) -> str:
        """Return the digest of a bundle that is held from now on."""
        sha256 = FolderShelf(self.folder).put(bundle)
        keep_newest(self.folder, number=_NUM_HELD)
        return sha256

    def take(self, sha256: str, body: Mapping[str, Any], files: Mapping[str, Path]) -> bool:
        """Take in what makes up a bundle; return whether it is held now.

        Args:
            body: `before`: what the news is added to; `by_change`: see `News`.
            files: `bundle`, the whole of it; or `changed`, and `whole` where patches came.

        Raises:
            ModelError: What came does not make up the bundle.
        """
        if self.has(sha256):
            self._renew(sha256)
            return True
        came = self._made(body, files)
        if came is None:
            return False
        if (found := self.put(came)) != sha256:
            self._path(found).unlink()
            raise ModelError(
                f"bundle: found sha256 {found} once the news was in, expected {sha256}; the "
                "coordinator's program or numpy is of another version"
            )
        return True

    def _made(self, body: Mapping[str, Any], files: Mapping[str, Path]) -> AdapterWeights | None:
        if "bundle" in files:
            return open_adapter(files["bundle"])
        if "changed" not in files or not self.has(body["before"]):
            return None
        limit = self.most_values
        return with_news(
            self.get(body["before"]),
            changed=open_update(files["changed"], most_values=limit),
            whole=open_update(files["whole"], most_values=limit) if "whole" in files else {},
            by_change=body["by_change"],
        )

    def _renew(self, sha256: str) -> None:
        # What is wanted now is let go last.
        os.utime(self._path(sha256))

    def _path(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.safetensors"


def keep_newest(folder: Path, *, number: int) -> None:
    """Remove all adapters in a folder but so many, the newest."""
    files = sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
    for path in files[:-number]:
        path.unlink()
