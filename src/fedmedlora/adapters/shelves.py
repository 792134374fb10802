"""Where adapters are kept under the sha256 of what they hold, and found again."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fedmedlora.adapters.files import adapter_digest, open_adapter, write_adapter
from fedmedlora.adapters.weights import AdapterWeights


class Shelf(Protocol):
    """A place for adapters, and for whatever else is named tensors."""

    def put(self, weights: AdapterWeights) -> str:
        """Return the digest under which tensors are now kept.

        Raises:
            StoreError: They cannot be written.
        """
        ...

    def get(self, sha256: str) -> AdapterWeights:
        """Return the tensors of a digest.

        Raises:
            ModelError: They are missing or altered.
        """
        ...


@dataclass(frozen=True, slots=True)
class FolderShelf:
    """Files `<sha256>.safetensors` in a folder, which outlast a power cut."""

    folder: Path

    def put(self, weights: AdapterWeights) -> str:
        """Return the digest under which tensors are now kept."""
        return write_adapter(self.folder, weights).sha256

    def get(self, sha256: str) -> AdapterWeights:
        """Return the tensors of a digest; each is read when it is asked for."""
        return open_adapter(self.folder / f"{sha256}.safetensors", sha256=sha256)


@dataclass(frozen=True, slots=True)
class MemoryShelf:
    """What this process remembers, and no longer."""

    kept: dict[str, AdapterWeights] = field(default_factory=dict)

    def put(self, weights: AdapterWeights) -> str:
        """Return the digest under which tensors are now kept."""
        sha256 = adapter_digest(weights)
        self.kept[sha256] = dict(weights)
        return sha256

    def get(self, sha256: str) -> AdapterWeights:
        """Return the tensors of a digest."""
        return self.kept[sha256]
