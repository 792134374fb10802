"""Files on their way: offered by one end, fetched in pieces by the other, straight to disk."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nvflare.apis.signal import Signal
from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.streaming.download_service import Consumer, download_object
from nvflare.fuel.f3.streaming.file_downloader import FileDownloadable
from nvflare.fuel.f3.streaming.obj_downloader import ObjectDownloader

from fedmedlora.engines.nvflare.wire import Offered

_PIECE_BYTES = 2 * 2**20
_WAIT_FOR_PIECE_S = 15.0
_RECEIVED = "received_bytes"


class FetchError(Exception):
    """A file did not come, or not as it was promised; the message says what was found."""


@contextmanager
def offering(
    cell: Cell, paths: Iterable[Path], *, keep_s: float
) -> Iterator[Mapping[Path, tuple[str, int, str]]]:
    """Let files be fetched, by any number of receivers, as long as the context lasts.

    Yields:
        By path: the reference, the size in bytes, the SHA-256 in hexadecimal.

    Args:
        keep_s: Longer than any receiver will take between two pieces.
    """
    unique = dict.fromkeys(paths)
    if not unique:
        yield {}
        return
    downloader = ObjectDownloader(cell, timeout=keep_s, num_receivers=0)
    try:
        yield {path: _offered(downloader, path) for path in unique}
    finally:
        downloader.delete_transaction()


def fetch(cell: Cell, source: str, offered: Offered, path: Path, *, stop: Signal) -> None:
    """Fetch a file; nothing is left of one that is not what was promised.

    Args:
        source: Where it is offered.
        stop: Ends it.

    Raises:
        FetchError: It did not come, is longer or shorter than promised, or was altered.
        OSError: It cannot be stored.
    """
    with path.open("xb") as file:
        taker = _Taker(file, offered.size)
        try:
            download_object(
                from_fqcn=source,
                ref_id=offered.reference,
                per_request_timeout=_WAIT_FOR_PIECE_S,
                cell=cell,
                consumer=taker,
                optional=True,
                abort_signal=stop,
            )
            file.flush()
            _check(taker, offered)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


class _Taker(Consumer):
    """Writes what comes, as long as it is no more than was promised."""

    supports_pipelining = True

    def __init__(self, file: Any, size: int) -> None:  # noqa: ANN401 -- a binary file
        super().__init__()
        self._file, self._size = file, size
        self._digest = hashlib.sha256()
        self.num_bytes = 0
        self.too_much = False
        self.trouble: str | None = None
        self.refused: OSError | None = None

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def consume(self, ref_id: str, state: dict[str, Any], data: object) -> dict[str, Any]:  # noqa: ARG002
        if not isinstance(data, bytes) or self.num_bytes + len(data) > self._size:
            self.too_much = True
            raise FetchError("too much")
        if not data:
            # A file that got shorter since it was offered would be asked for its rest for ever.
            raise FetchError("no more")
        try:
            self._file.write(data)
        except OSError as error:
            self.refused = error
            raise
        self._digest.update(data)
        self.num_bytes += len(data)
        return {_RECEIVED: self.num_bytes}

    def download_completed(self, ref_id: str) -> None: ...

    def download_failed(self, ref_id: str, reason: str) -> None:  # noqa: ARG002
        self.trouble = reason


def _check(taker: _Taker, offered: Offered) -> None:
    if taker.refused is not None:
        raise taker.refused
    if taker.too_much:
        raise FetchError(
            f"found more than {offered.size} bytes of the file {offered.name!r}, expected as many"
        )
    if taker.trouble is not None or taker.num_bytes != offered.size:
        raise FetchError(
            f"found {taker.num_bytes} bytes of the file {offered.name!r}, expected {offered.size}"
        )
    if taker.sha256 != offered.sha256:
        raise FetchError(f"found the file {offered.name!r} altered on its way, expected it as sent")


def _offered(downloader: ObjectDownloader, path: Path) -> tuple[str, int, str]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    piece = FileDownloadable(str(path), chunk_size=_PIECE_BYTES)
    return downloader.add_object(piece), path.stat().st_size, sha256
