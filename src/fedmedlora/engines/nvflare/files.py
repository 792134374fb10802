"""Files on their way: offered by one end, fetched in pieces by the other, straight to disk.

Pieces are single messages of NVFLARE's cells. Its download service makes a stream of each, whose
two ends outlive it: a thread for a minute after each reply, and a megabyte until the collector of
cycles comes by, which where torch is loaded it hardly ever does.
"""

import hashlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nvflare.apis.signal import Signal
from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.message import Message as CellMessage

from fedmedlora.engines.nvflare import wire
from fedmedlora.engines.nvflare.wire import Offered

# While one is written the next is on its way.
_NUM_UNDER_WAY = 2
_MOST_PIECE_BYTES = 2**19
_LEAST_PIECE_BYTES = 2**16
# Of all sites together, where all fetch at once; the server holds each byte three times.
_MOST_UNDER_WAY_BYTES = 2**23
# Twenty sites behind one slow line have as many pieces under way.
_WAIT_FOR_PIECE_S = 30.0
_NUM_TRIES = 4
# What an empty piece is counted as, which takes an answer, too.
_LEAST_COUNTED_BYTES = 2**10
_TICK_S = 0.1
_FETCH, _AT, _LENGTH = "fetch", "at", "length"


def piece_bytes(num_sites: int) -> int:
    """Return in pieces of how many bytes files go to and come from so many sites at once."""
    each = _MOST_UNDER_WAY_BYTES // (_NUM_UNDER_WAY * max(1, num_sites))
    return max(_LEAST_PIECE_BYTES, min(_MOST_PIECE_BYTES, each))


class FetchError(Exception):
    """A file did not come, or not as it was promised; the message says what was found."""


@dataclass(slots=True)
class _Fetching:
    """A file that comes.

    Attributes:
        source: Where it is offered.
        piece_bytes: How long its pieces are, but for the last.
        wanted: Where those pieces begin that were asked for and did not come.
        came: By where it begins, a piece that nobody took; None where the source has none.
    """

    source: str
    piece_bytes: int
    wanted: set[int] = field(default_factory=set)
    came: dict[int, bytes | None] = field(default_factory=dict)
    news: threading.Condition = field(default_factory=threading.Condition)


@dataclass(slots=True)
class _Offering:
    """A file that may be fetched.

    Attributes:
        most_bytes: As many go to one receiver, who asks again where a piece did not come.
        given: By receiver, how many did.
    """

    path: Path
    most_bytes: int
    given: Counter[str] = field(default_factory=Counter)


class Courier:
    """Lets files be fetched from here, and fetches them from the other end."""

    def __init__(self, cell: Cell) -> None:
        """Listen to the other ends.

        Args:
            cell: NVFLARE's, of this process for the job.
        """
        self._cell = cell
        self._offered: dict[str, _Offering] = {}
        self._fetching: dict[str, _Fetching] = {}
        self._sending = threading.Lock()
        for topic, heard in ((wire.WANTED, self._on_wanted), (wire.PIECE, self._on_piece)):
            cell.register_request_cb(channel=wire.CHANNEL, topic=topic, cb=heard)

    @contextmanager
    def offering(self, paths: Iterable[Path]) -> Iterator[Mapping[Path, tuple[str, int, str]]]:
        """Let files be fetched, by any number of receivers, as long as the context lasts.

        Yields:
            By path: the reference, the size in bytes, the SHA-256 in hexadecimal.
        """
        references = {path: secrets.token_hex(16) for path in dict.fromkeys(paths)}
        for path, reference in references.items():
            most = _NUM_TRIES * (path.stat().st_size + _LEAST_PIECE_BYTES)
            self._offered[reference] = _Offering(path, most)
        try:
            yield {path: (references[path], *_facts(path)) for path in references}
        finally:
            for reference in references.values():
                del self._offered[reference]

    def fetch(
        self, source: str, offered: Offered, path: Path, *, piece_bytes: int, stop: Signal
    ) -> None:
        """Fetch a file; nothing is left of one that is not what was promised.

        Args:
            source: Where it is offered.
            piece_bytes: How long its pieces shall be.
            stop: Ends it.

        Raises:
            FetchError: It did not come, is longer or shorter than promised, or was altered.
            OSError: It cannot be stored.
        """
        digest = hashlib.sha256()
        with path.open("xb") as file:
            try:
                for piece in self._pieces(_Fetching(source, piece_bytes), offered, stop):
                    file.write(piece)
                    digest.update(piece)
                file.flush()
                _require_same(digest.hexdigest(), offered)
            except BaseException:
                path.unlink(missing_ok=True)
                raise

    def _pieces(self, fetching: _Fetching, offered: Offered, stop: Signal) -> Iterator[bytes]:
        """Yield a file's pieces in order."""
        name, length = secrets.token_hex(16), fetching.piece_bytes
        self._fetching[name] = fetching
        begins = range(0, offered.size, length)
        try:
            for at in begins[: _NUM_UNDER_WAY - 1]:
                self._want(name, fetching, offered, at)
            for at in begins:
                ahead = at + (_NUM_UNDER_WAY - 1) * length
                if ahead < offered.size:
                    self._want(name, fetching, offered, ahead)
                piece = self._piece(name, fetching, offered, at, stop)
                end = at + len(piece)
                if end != min(at + length, offered.size):
                    raise _short(offered, end)
                yield piece
        finally:
            del self._fetching[name]

    def _piece(
        self, name: str, fetching: _Fetching, offered: Offered, at: int, stop: Signal
    ) -> bytes:
        """Return a piece that was asked for; ask again where it does not come."""
        for tries in range(1, _NUM_TRIES + 1):
            deadline = time.monotonic() + _WAIT_FOR_PIECE_S
            while time.monotonic() < deadline and not stop.triggered:
                with fetching.news:
                    if fetching.news.wait_for(lambda: at in fetching.came, _TICK_S):
                        piece = fetching.came.pop(at)
                        if piece is None:
                            raise _short(offered, at)
                        return piece
            if stop.triggered:
                break
            if tries < _NUM_TRIES:
                self._want(name, fetching, offered, at)
        raise _short(offered, at)

    def _want(self, name: str, fetching: _Fetching, offered: Offered, at: int) -> None:
        with fetching.news:
            fetching.wanted.add(at)
        length = fetching.piece_bytes
        asked = {"reference": offered.reference, _FETCH: name, _AT: at, _LENGTH: length}
        wire.tell(self._cell, fetching.source, wire.WANTED, asked)

    def _on_wanted(self, message: CellMessage) -> None:
        """Send a piece of what is offered; None where there is no such piece."""
        said, sender = wire.unpacked(message), wire.sender(message)
        at, offering = said[_AT], self._offered.get(str(said["reference"]))
        # One after the other, so that of many that ask at once one is read at a time.
        with self._sending:
            piece = None
            if offering is not None:
                if offering.given[sender] >= offering.most_bytes:
                    return
                piece = _read(offering.path, at, said[_LENGTH])
                offering.given[sender] += max(len(piece or b""), _LEAST_COUNTED_BYTES)
            wire.hand(self._cell, sender, wire.PIECE, {_FETCH: str(said[_FETCH]), _AT: at}, piece)

    def _on_piece(self, message: CellMessage) -> None:
        """Take a piece that was asked for; whatever else comes is dropped."""
        fetching = self._fetching.get(str(message.get_header(_FETCH)))
        if fetching is None or fetching.source != wire.sender(message):
            return
        at, piece = message.get_header(_AT), message.payload
        if not isinstance(piece, bytes | bytearray | memoryview | None):
            return
        with fetching.news:
            if at not in fetching.wanted:
                return
            fetching.wanted.remove(at)
            # What NVFLARE hands over may be a view of all that came with it.
            fetching.came[at] = None if piece is None else bytes(piece)
            fetching.news.notify_all()


def _read(path: Path, at: int, length: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            file.seek(at)
            return file.read(max(0, min(length, _MOST_PIECE_BYTES)))
    except (OSError, OverflowError, TypeError, ValueError):
        return None


def _require_same(sha256: str, offered: Offered) -> None:
    if sha256 != offered.sha256:
        raise FetchError(f"found the file {offered.name!r} altered on its way, expected it as sent")


def _short(offered: Offered, found: int) -> FetchError:
    return FetchError(f"found {found} bytes of the file {offered.name!r}, expected {offered.size}")


def _facts(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, sha256
