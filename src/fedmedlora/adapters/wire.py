"""An update as bytes for the wire: a safetensors file whatever the codec, nothing to unpickle.

Each tensor stands in its parts, as `q_proj.lora_A.weight|codes`; codec and shapes stand in the
file's own header. What arrives is decoded one tensor at a time, when it is asked for, and its
header is measured before it is read: to name a hundred thousand tensors takes no values at all.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray

from fedmedlora.adapters import codecs as package
from fedmedlora.adapters.codec import Codec
from fedmedlora.adapters.files import require_digest
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import ModelError, NumberFormatError, OversizeError
from fedmedlora.registry import members

_PART = "|"
_HEADER = "update"
_MOST_TENSORS = 1 << 14
_HEADER_BYTES = 1 << 10
"""Of the file's header, for each tensor: names, shapes and places of up to three parts."""
_DTYPES = {"F32": "<f4", "U16": "<u2", "U32": "<u4", "U8": "u1", "I8": "i1"}
_UNREADABLE = (
    OSError,
    safetensors.SafetensorError,
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)


@cache
def codecs() -> Mapping[str, Codec]:
    """Return every codec by name."""
    return members(package, "CODEC")


def encode_update(tensors: AdapterWeights, codec: str) -> bytes:
    """Return tensors as bytes for the wire; the same values give the same bytes."""
    parts = {
        f"{name}{_PART}{part}": np.ascontiguousarray(array)
        for name in sorted(tensors)
        for part, array in codecs()[codec].pack(np.ascontiguousarray(tensors[name])).items()
    }
    specs = {
        name: safetensors.TensorSpec(
            dtype=array.dtype.name,
            shape=array.shape,
            data_ptr=array.ctypes.data,
            data_len=array.nbytes,
        )
        for name, array in sorted(parts.items())
    }
    shapes = {name: tensors[name].shape for name in sorted(tensors)}
    # One entry alone, for the library writes several in any order.
    header = {_HEADER: json.dumps({"codec": codec, "shapes": shapes}, sort_keys=True)}
    return bytes(safetensors.serialize(specs, header))


def num_bytes(tensors: AdapterWeights, codec: str) -> int:
    """Return how many bytes tensors take on the wire; it follows from names and shapes alone."""
    return _num_bytes(tuple((name, tensors[name].shape) for name in sorted(tensors)), codec)


@cache
def _num_bytes(shapes: tuple[tuple[str, tuple[int, ...]], ...], codec: str) -> int:
    return len(encode_update({name: np.zeros(shape, np.float32) for name, shape in shapes}, codec))


def open_update(
    path: Path, *, most_values: int, most_tensors: int = _MOST_TENSORS, sha256: str | None = None
) -> AdapterWeights:
    """Return the tensors in a file of bytes from the wire; each is decoded when it is asked for.

    Args:
        most_values: Values of a tensor at most: a short file may claim any number.
        most_tensors: Tensors at most.
        sha256: What the digest of the file must be; None takes it as it is.

    Raises:
        ModelError: The file is missing, altered, or no update; its `code` says which.
    """
    try:
        if sha256 is not None:
            require_digest(path, sha256)
        _require_header(path, most_tensors)
        content: Any = safetensors.safe_open(path, framework="numpy")
        header = json.loads((content.metadata() or {})[_HEADER])
        codec, shapes = codecs()[header["codec"]], _shapes(path, header["shapes"], most_values)
        _require_parts(path, content, codec, shapes)
    except _UNREADABLE as error:
        reason = (isinstance(error, OSError) and error.strerror) or type(error).__name__
        raise ModelError(
            f"{path}: found no update ({reason}), expected one in a codec of "
            f"{', '.join(codecs())}; send it again"
        ) from error
    return _Update(path.name, content, codec, shapes)


def read_update(content: bytes) -> AdapterWeights:
    """Return the tensors in bytes that were made on this machine."""
    parts: Any = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    size = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + size])["__metadata__"][_HEADER])
    arrays: dict[str, dict[str, NDArray[Any]]] = {name: {} for name in header["shapes"]}
    for key, tensor in parts:
        name, _, part = key.rpartition(_PART)
        dtype = _DTYPES[tensor["dtype"]]
        arrays[name][part] = np.frombuffer(tensor["data"], dtype).reshape(tensor["shape"])
    codec = codecs()[header["codec"]]
    return {n: codec.unpack(arrays[n], shape) for n, shape in sorted(header["shapes"].items())}


def _require_header(path: Path, most_tensors: int) -> None:
    most_bytes = _HEADER_BYTES * (most_tensors + 1)
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if path.stat().st_size > size > most_bytes:
            raise OversizeError(
                f"{path.name}: found a header of {size} bytes, expected {most_bytes} at most; "
                "send the tensors of the round alone"
            )
        # Of several of one name a library may take any.
        json.loads(file.read(min(size, most_bytes)), object_pairs_hook=_each_once)


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("found a name twice in the header")
    return found


def _require_parts(
    path: Path,
    content: Any,  # noqa: ANN401 -- the library types no handle
    codec: Codec,
    shapes: Mapping[str, Sequence[int]],
) -> None:
    dtypes = _part_dtypes(codec)
    for key in content.keys():  # noqa: SIM118 -- the handle is no mapping
        name, _, part = key.rpartition(_PART)
        if name not in shapes or part not in dtypes:
            raise KeyError(key)
        found = content.get_slice(key).get_dtype()
        if _DTYPES.get(found) != dtypes[part]:
            raise NumberFormatError(
                f"{path.name}: adapter parameter {name!r}: found {found}, expected the numbers of "
                "its codec; send it again"
            )


@cache
def _part_dtypes(codec: Codec) -> Mapping[str, str]:
    parts = codec.pack(np.zeros(1, np.float32))
    return {part: array.dtype.newbyteorder("<").str.lstrip("|") for part, array in parts.items()}


def _shapes(
    path: Path, claimed: Mapping[str, Sequence[int]], most_values: int
) -> dict[str, tuple[int, ...]]:
    shapes = {name: tuple(shape) for name, shape in claimed.items()}
    for name, shape in shapes.items():
        if not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError(f"{name!r}: found shape {shape}, expected whole numbers, 0 or more")
        if math.prod(shape) > most_values:
            raise OversizeError(
                f"{path.name}: found no update (adapter parameter {name!r} claims too many "
                f"values), expected {most_values} at most; send it again"
            )
    return shapes


class _Update(Mapping[str, NDArray[np.float32]]):
    """The tensors of an update in an open file."""

    __slots__ = ("_codec", "_content", "_parts", "_place", "_shapes")

    def __init__(
        self,
        place: str,
        content: Any,  # noqa: ANN401 -- the library types no handle
        codec: Codec,
        shapes: Mapping[str, Sequence[int]],
    ) -> None:
        self._place, self._content, self._codec, self._shapes = place, content, codec, shapes
        self._parts: dict[str, list[str]] = {name: [] for name in shapes}
        for key in content.keys():  # noqa: SIM118 -- the handle is no mapping
            self._parts.setdefault(key.rpartition(_PART)[0], []).append(key)

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        shape = self._shapes[name]
        parts = {
            key.rpartition(_PART)[2]: self._content.get_tensor(key) for key in self._parts[name]
        }
        try:
            return self._codec.unpack(parts, shape)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise ModelError(
                f"{self._place}: adapter parameter {name!r}: found parts that do not make up a "
                f"tensor ({type(error).__name__}), expected {tuple(shape)}; send it again"
            ) from error

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._shapes))

    def __len__(self) -> int:
        return len(self._shapes)
