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
from numpy.typing import NDArray

from fedmedlora.adapters.bfloat16 import narrowed, widened
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.durable_files import write_whole
from fedmedlora.errors import ModelError, StoreError

_NARROW = "BF16"
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), _NARROW: np.dtype("<u2")}
"""As safetensors calls them; numpy knows no bfloat16, so its bits are read as whole numbers."""


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
    tensors = {name: weights[name] for name in sorted(weights)}
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32:
            raise ValueError(f"adapter parameter {name!r}: found {tensor.dtype}, expected float32")
    return _serialized(tensors, "float32")


def encode_narrow(weights: AdapterWeights) -> bytes:
    """Return an adapter as a safetensors file in bfloat16, half as large and rounded."""
    return _serialized({name: narrowed(weights[name]) for name in sorted(weights)}, "bfloat16")


def digest(content: bytes) -> str:
    """Return the sha256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def adapter_digest(weights: AdapterWeights) -> str:
    """Return the digest of an adapter's file: as verified when it was opened, or of its bytes."""
    known = weights.sha256 if isinstance(weights, _AdapterFile) else None
    return known or digest(encode(weights))


def write_adapter(folder: Path, weights: AdapterWeights, *, flushed: bool = True) -> StoredAdapter:
    """Return where an adapter now lies in a folder.

    Args:
        flushed: Whether it is to outlast a power cut, see `write_whole`.

    Raises:
        StoreError: The file cannot be written, as on a full disk; no part of it is left.
    """
    return write_content(folder, encode(weights), flushed=flushed)


def write_content(folder: Path, content: bytes, *, flushed: bool = True) -> StoredAdapter:
    """Return where the bytes of an adapter, or of an update, now lie in a folder.

    Args:
        flushed: Whether they are to outlast a power cut, see `write_whole`.

    Raises:
        StoreError: The file cannot be written, as on a full disk; no part of it is left.
    """
    sha256 = digest(content)
    stored = StoredAdapter(folder / f"{sha256}.safetensors", sha256, len(content))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Somebody may rely on the file that lies there.
        write_whole(stored.path, content, flushed=flushed or stored.path.exists())
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
        ModelError: The file is missing, altered, not safetensors, or holds other than float32
            and bfloat16, which is read as float32.
    """
    try:
        if sha256 is not None:
            require_digest(path, sha256)
        content: Any = safetensors.safe_open(path, framework="numpy")
    except (OSError, safetensors.SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ModelError(
            f"{path}: found {reason!r}, expected a safetensors file; copy the adapter again"
        ) from error
    dtypes = {name: content.get_slice(name).get_dtype() for name in sorted(content.keys())}
    for name, dtype in dtypes.items():
        _require_known(path, name, dtype)
    narrow = _NARROW in dtypes.values()
    return _read_narrow(path.read_bytes()) if narrow else _AdapterFile(content, sha256)


class _AdapterFile(Mapping[str, NDArray[np.float32]]):
    """The tensors of an open safetensors file, which stays mapped into memory.

    Attributes:
        sha256: Of the file, where it was verified.
    """

    __slots__ = ("_content", "_names", "sha256")

    def __init__(
        self,
        content: Any,  # noqa: ANN401 -- the library types no handle
        sha256: str | None,
    ) -> None:
        self.sha256 = sha256
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


def _serialized(tensors: Mapping[str, NDArray[Any]], dtype: str) -> bytes:
    # The library writes the memory of an array as it lies, also when it lies column by column.
    laid = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    specs = {
        name: safetensors.TensorSpec(
            dtype=dtype, shape=tensor.shape, data_ptr=tensor.ctypes.data, data_len=tensor.nbytes
        )
        for name, tensor in laid.items()
    }
    return bytes(safetensors.serialize(specs))


def require_digest(path: Path, sha256: str) -> None:
    """Raise unless a file holds what its digest says.

    Raises:
        OSError: It cannot be read.
        ModelError: It holds something else.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ModelError(f"{path}: found sha256 {found}, expected {sha256}; copy the adapter again")


def _require_known(path: Path, name: str, dtype: str) -> None:
    if dtype not in _DTYPES:
        raise ModelError(
            f"{path}: adapter parameter {name!r}: found {dtype}, expected {' or '.join(_DTYPES)}; "
            "save the adapter in float32"
        )


def _read_narrow(content: bytes) -> AdapterWeights:
    tensors: Any = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    read: dict[str, NDArray[np.float32]] = {}
    for name, tensor in tensors:
        values = np.frombuffer(tensor["data"], _DTYPES[tensor["dtype"]]).reshape(tensor["shape"])
        read[name] = widened(values) if tensor["dtype"] == _NARROW else values
    return read
