"""Adapters in encrypted files: what a site sends, and what the server makes of several.

    8 bytes    FMLSEAL1
    4 bytes    length of the header
    header     JSON: key, members, shapes; of a sum its shares too
    blocks     4 bytes of length and the block, as often as the values need

A block holds values of the tensors, by name, and one check for each member at its end: 1 for who
sent it, 0 for the others. So in a sum each check is a share, and a site sees what it opens. Blocks
are read and written one by one; whatever an adapter's size, memory holds one of each file.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import ModelError
from fedmedlora.privacy.ckks import NUM_SLOTS, Key, decrypt, encrypt, weighted_block
from fedmedlora.privacy.drowning import drowned

_MAGIC = b"FMLSEAL1"
_MOST_HEADER = 1 << 22
_MOST_BLOCK = 1 << 19
_MOST_MEMBERS = NUM_SLOTS // 2
_CLOSE = 1e-6
MOST_SHARE = 0.99
"""A sum with more of one site is that site's update."""

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Header:
    """What a sealed file says of itself, in the open.

    Attributes:
        key: The key's id.
        members: All sites that may be in the sum, in the order of their checks.
        shapes: Of the tensors, in the order of their values.
        shares: Of a sum, by site; a site's own file has none.
    """

    key: str
    members: tuple[str, ...]
    shapes: Shapes
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def num_blocks(self) -> int:
        """Return how many blocks follow."""
        num_values = sum(math.prod(shape) for shape in self.shapes.values())
        return -(-num_values // self.room)

    @property
    def room(self) -> int:
        """Return how many values a block has room for beside the checks."""
        return NUM_SLOTS - len(self.members)


def shapes_of(tensors: AdapterWeights) -> Shapes:
    """Return the shapes of tensors, by name."""
    return {name: tensors[name].shape for name in sorted(tensors)}


def seal(
    path: Path, tensors: AdapterWeights, key: Key, *, site: str, members: Sequence[str]
) -> None:
    """Write a site's tensors into a file that only who has the key can read.

    Raises:
        ModelError: The key is none.
        ValueError: The site is no member, or a value is not finite.
    """
    header = Header(key.id, tuple(sorted(members)), shapes_of(tensors))
    checks = np.zeros(len(header.members))
    checks[header.members.index(site)] = 1
    with path.open("wb") as file:
        _write_header(file, header)
        for values in _blocks(tensors, header.room):
            _write_block(file, encrypt(np.concatenate([values, checks]), key))


def add_up(
    path: Path, sealed: Mapping[str, Path], shares: Mapping[str, float], *, shapes: Shapes
) -> None:
    """Write the sum of sites' sealed files, each times its share; no key is needed.

    Args:
        sealed: By site.
        shapes: What each file must be of.

    Raises:
        ModelError: A file is none, or not of the same kind as the others.
        ValueError: The shares are not for just these sites.
    """
    sites = sorted(sealed)
    if not sites or sites != sorted(shares):
        raise ValueError(f"shares: found for {sorted(shares)}, expected for {sites}")
    with ExitStack() as files:
        opened = [files.enter_context(sealed[site].open("rb")) for site in sites]
        first, *others = [
            _of_shapes(site, read_header(file), shapes)
            for site, file in zip(sites, opened, strict=True)
        ]
        for site, header in zip(sites[1:], others, strict=True):
            _require_alike(site, header, first)
        file = files.enter_context(path.open("wb"))
        told = {site: float(shares[site]) for site in sites}
        _write_header(file, Header(first.key, first.members, first.shapes, told))
        for _ in range(first.num_blocks):
            blocks = {s: _read_block(one) for s, one in zip(sites, opened, strict=True)}
            _write_block(file, _weighted(blocks, told))
        for site, one in zip(sites, opened, strict=True):
            _require_end(f"sealed update of {site}", one)


def _weighted(blocks: Mapping[str, bytes], shares: Mapping[str, float]) -> bytes:
    try:
        return weighted_block(list(blocks.values()), list(shares.values()))
    except ModelError:
        for site, block in blocks.items():
            _require_block(site, block)
        raise


def _require_block(site: str, block: bytes) -> None:
    try:
        weighted_block([block], [1.0])
    except ModelError as error:
        raise ModelError(f"sealed update of {site}: {error}") from error


def open_sum(path: Path, key: Key, *, shapes: Shapes) -> AdapterWeights:
    """Return what a sealed sum holds, with the noise that must stand on what the server is told.

    Raises:
        ModelError: It is none, of another key or other tensors, of one site alone, or what it holds
            is not the sum that it says.
    """
    with path.open("rb") as file:
        place = hashlib.file_digest(file, "sha256").digest()
        file.seek(0)
        header = _of_shapes("the server", read_header(file), shapes)
        _require_own_key(header, key)
        _require_several(header)
        values = np.concatenate(
            [_checked(header, decrypt(_read_block(file), key)) for _ in range(header.num_blocks)]
        )
        _require_end("sealed sum", file)
    return _shaped(drowned(values, secret=key.content, place=place), header.shapes)


def read_header(file: BinaryIO) -> Header:
    """Return what a sealed file says of itself; the blocks follow.

    Raises:
        ModelError: It is no sealed file.
    """
    try:
        is_sealed = file.read(len(_MAGIC)) == _MAGIC
        length = int.from_bytes(file.read(4), "little")
        content = file.read(length) if is_sealed and length <= _MOST_HEADER else b""
        return _header(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"sealed file: found no header ({type(error).__name__}), expected a sealed update; "
            "send it again"
        ) from error


def _header(told: Mapping[str, object]) -> Header:
    members, shapes, shares = told["members"], told["shapes"], told["shares"]
    if not isinstance(members, list) or not 0 < len(members) <= _MOST_MEMBERS:
        raise ValueError("members")
    if not isinstance(shapes, dict) or not isinstance(shares, dict):
        raise TypeError("shapes")
    sizes = {str(name): tuple(map(_size, shape)) for name, shape in shapes.items()}
    parts = {str(site): float(share) for site, share in shares.items()}
    return Header(str(told["key"]), tuple(map(str, members)), sizes, parts)


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("shape")
    return value


def _of_shapes(whose: str, header: Header, shapes: Shapes) -> Header:
    if list(header.shapes.items()) != sorted(shapes.items()):
        raise ModelError(
            f"sealed update of {whose}: found {len(header.shapes)} tensors of other names or "
            f"shapes, expected the {len(shapes)} of the round; train from the current adapter"
        )
    return header


def _require_alike(site: str, header: Header, first: Header) -> None:
    if header.key != first.key:
        raise ModelError(
            f"sealed update of {site}: found the key {header.key[:16]}, expected "
            f"{first.key[:16]} as at the others; copy one key file to all sites"
        )
    if header.members != first.members:
        raise ModelError(f"sealed update of {site}: found other members, expected the others'")


def _require_own_key(header: Header, key: Key) -> None:
    if header.key != key.id:
        raise ModelError(
            f"sealed sum: found the key {header.key[:16]}, expected {key.id[:16]}, the one here; "
            "copy one key file to all sites"
        )


def _require_several(header: Header) -> None:
    shares = header.shares
    if not shares.keys() <= set(header.members) or not math.isclose(math.fsum(shares.values()), 1):
        raise ModelError("sealed sum: found shares that do not add up to 1, expected those of it")
    if max(shares.values()) > MOST_SHARE or min(shares.values()) < 0:
        raise ModelError(
            f"sealed sum: found one of {len(shares)} sites with a share of more than {MOST_SHARE}, "
            "expected a sum of several; it would be that site's update"
        )


def _checked(header: Header, block: NDArray[np.float64]) -> NDArray[np.float64]:
    expected = np.array([header.shares.get(site, 0.0) for site in header.members])
    found = block[header.room :]
    if not np.isfinite(block).all() or np.abs(found - expected).max() > _CLOSE:
        raise ModelError(
            "sealed sum: found checks that are not the shares it says, expected them in each "
            "block; look whether all sites have the same key and version of this program"
        )
    return block[: header.room]


def _shaped(values: NDArray[np.float64], shapes: Shapes) -> AdapterWeights:
    tensors: dict[str, NDArray[np.float32]] = {}
    begin = 0
    for name, shape in shapes.items():
        end = begin + math.prod(shape)
        tensors[name] = values[begin:end].reshape(shape).astype(np.float32)
        begin = end
    return tensors


def _blocks(tensors: AdapterWeights, room: int) -> Iterator[NDArray[np.float64]]:
    """Yield the values of tensors in blocks, the last filled up with zeros."""
    block, filled = np.zeros(room), 0
    for name in sorted(tensors):
        rest = tensors[name].reshape(-1)
        while rest.size:
            taken = min(rest.size, room - filled)
            block[filled : filled + taken] = rest[:taken]
            rest, filled = rest[taken:], filled + taken
            if filled == room:
                yield block
                block, filled = np.zeros(room), 0
    if filled:
        yield block


def _write_header(file: BinaryIO, header: Header) -> None:
    content = json.dumps(asdict(header)).encode()
    file.write(_MAGIC + len(content).to_bytes(4, "little") + content)


def _write_block(file: BinaryIO, block: bytes) -> None:
    file.write(len(block).to_bytes(4, "little") + block)


def _read_block(file: BinaryIO) -> bytes:
    length = int.from_bytes(file.read(4), "little")
    block = file.read(length) if length <= _MOST_BLOCK else b""
    if not block or len(block) != length:
        raise ModelError("sealed file: found it cut short, expected all its blocks; send it again")
    return block


def _require_end(what: str, file: BinaryIO) -> None:
    if file.read(1):
        raise ModelError(f"{what}: found more than its blocks, expected its end; send it again")
