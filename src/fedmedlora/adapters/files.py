"""Adapters as safetensors files, named by the sha256 of what they hold.

The same values give the same bytes, so a name says everything about the content.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.durable_files import write_whole
from fedmedlora.errors import ModelError, StoreError

_SAFETENSORS_FLOAT32 = "F32"


@dataclass(frozen=True, slots=True)
class StoredAdapter:
    """Where an adapter lies on disk.

    Attributes:
        path: The file, `<sha256>.safetensors`.
        sha256: Digest of its bytes, in hex.
        num_bytes: Its size.
    """

    path: Path
    sha256: str
    num_bytes: int


def encode(weights: AdapterWeights) -> bytes:
    """Return an adapter as the bytes of a safetensors file; the same values give the same bytes.

    Raises:
        ValueError: A tensor is not float32.
    """
    for name in weights:
        if weights[name].dtype != np.float32:
            raise ValueError(
                f"adapter parameter {name!r}: found {weights[name].dtype}, expected float32"
            )
    # The library writes the memory of an array as it lies, also when it lies column by column.
    tensors = {name: np.ascontiguousarray(weights[name]) for name in sorted(weights)}
    return safetensors.numpy.save(tensors)


def digest(content: bytes) -> str:
    """Return the sha256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def write_adapter(folder: Path, weights: AdapterWeights) -> StoredAdapter:
    """Return where an adapter now lies in a folder, after it has reached the disk.

    Raises:
        StoreError: The file cannot be written, as on a full disk; no part of it is left.
    """
    content = encode(weights)
    stored = StoredAdapter(
        path=folder / f"{digest(content)}.safetensors",
        sha256=digest(content),
        num_bytes=len(content),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(stored.path, content)
    except OSError as error:
        raise StoreError(
            f"{stored.path}: found {error.strerror!r} on writing, expected room and permission "
            f"for {len(content)} bytes; free the disk or choose another folder, then resume"
        ) from error
    return stored


def open_adapter(path: Path, *, sha256: str | None = None) -> AdapterWeights:
    """Return the adapter in a safetensors file; a tensor is read when it is asked for.

    Args:
        path: The file.
        sha256: What its digest must be; None takes the file as it is.

    Raises:
        ModelError: The file is missing, altered, not safetensors, or not all float32.
    """
    try:
        if sha256 is not None:
            _require_digest(path, sha256)
        content: Any = safetensors.safe_open(path, framework="numpy")
    except (OSError, safetensors.SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ModelError(
            f"{path}: found {reason!r}, expected a safetensors file; copy the adapter again"
        ) from error
    for name in content.keys():  # noqa: SIM118 -- the handle is not a mapping
        _require_float32(path, name, content.get_slice(name).get_dtype())
    return _AdapterFile(content)


class _AdapterFile(Mapping[str, NDArray[np.float32]]):
    """The tensors of an open safetensors file, which stays mapped into memory."""

    __slots__ = ("_content", "_names")

    def __init__(self, content: Any) -> None:  # noqa: ANN401 -- the library types no handle
        self._content = content
        self._names = frozenset(content.keys())

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        if name not in self._names:
            raise KeyError(name)
        tensor: NDArray[np.float32] = self._content.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)


def _require_digest(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ModelError(f"{path}: found sha256 {found}, expected {sha256}; copy the adapter again")


def _require_float32(path: Path, name: str, dtype: str) -> None:
    if dtype != _SAFETENSORS_FLOAT32:
        raise ModelError(
            f"{path}: adapter parameter {name!r}: found {dtype}, expected {_SAFETENSORS_FLOAT32}; "
            "save the adapter in float32"
        )
