"""Files on their way, with a fake in the place of NVFLARE's cell."""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from nvflare.apis.signal import Signal
from nvflare.fuel.f3.cellnet.defs import MessageHeaderKey
from nvflare.fuel.f3.message import Message as CellMessage
from tests.full_disk import files_of_at_most

from fedmedlora.engines.nvflare import files
from fedmedlora.engines.nvflare.files import Courier, FetchError, piece_bytes
from fedmedlora.engines.nvflare.wire import (
    TAKEN,
    Offered,
    UnsayableError,
    offered_files,
    reply,
    send,
    text_of,
)

CONTENT = b"abc" * 1000
Heard = Callable[[CellMessage], object]


class Ends:
    """What carries messages between two ends; each arrives in a thread of its own."""

    def __init__(self) -> None:
        self.heard: dict[tuple[str, str], Heard] = {}
        self.altered: Callable[[bytes | None], bytes | None] = lambda piece: piece
        self.lost = 0
        self.sent: list[tuple[str, int]] = []
        self.num_sending = self.most_sending = 0

    def cell(self, name: str) -> Any:  # noqa: ANN401 -- in the place of a cell
        return Cell(name, self)

    def carry(self, source: str, target: str, topic: str, message: CellMessage) -> None:
        if topic == "piece":
            self.num_sending += 1
            self.most_sending = max(self.most_sending, self.num_sending)
            self.sent.append((target, message.get_header("at")))
            message.payload = self.altered(message.payload)
            self.num_sending -= 1
            if self.lost:
                self.lost -= 1
                return
        message.set_header(MessageHeaderKey.ORIGIN, source)
        threading.Thread(target=self.heard[target, topic], args=(message,)).start()


class Cell:
    """One end; that sends nothing by itself is part of what is tested."""

    def __init__(self, name: str, ends: Ends) -> None:
        self.name, self.ends, self.core_cell = name, ends, Core(name, ends)

    def register_request_cb(self, *, topic: str, cb: Heard, **_: Any) -> None:  # noqa: ANN401
        self.ends.heard[self.name, topic] = cb


class Core:
    """What an end sends by."""

    def __init__(self, name: str, ends: Ends) -> None:
        self.name, self.ends = name, ends

    def send_request(self, **_: Any) -> CellMessage:  # noqa: ANN401
        return reply(TAKEN)

    def fire_and_forget(self, *, topic: str, targets: str, message: CellMessage, **_: Any) -> None:  # noqa: ANN401
        self.ends.carry(self.name, targets, topic, message)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    monkeypatch.setattr(files, "_WAIT_FOR_PIECE_S", 0.2)
    return Ends()


def fetched(
    ends: Ends,
    folder: Path,
    *,
    content: bytes = CONTENT,
    promised: bytes = CONTENT,
    stop: Signal | None = None,
) -> bytes:
    """Return what ash gets of a file that the server offers."""
    source, taken = folder / "source", folder / "taken"
    source.write_bytes(content)
    server, ash = Courier(ends.cell("server")), Courier(ends.cell("ash"))
    with server.offering([source]) as offered:
        reference, _, _ = offered[source]
        sha256 = hashlib.sha256(promised).hexdigest()
        told = Offered("weights", reference, len(promised), sha256)
        ash.fetch("server", told, taken, piece_bytes=1000, stop=stop or Signal())
    return taken.read_bytes()


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 3000])
def test_a_file_arrives_as_it_was_promised(ends: Ends, tmp_path: Path, size: int) -> None:
    content = CONTENT[:size]

    assert fetched(ends, tmp_path, content=content, promised=content) == content


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (CONTENT[:-1], "found 2999 bytes of the file 'weights', expected 3000"),
        (CONTENT[:2000], "found 2000 bytes of the file 'weights', expected 3000"),
        (b"", "found 0 bytes of the file 'weights', expected 3000"),
        (b"xbc" + CONTENT[3:], "found the file 'weights' altered on its way"),
    ],
)
def test_what_was_not_promised_is_refused_and_not_kept(
    ends: Ends, tmp_path: Path, sent: bytes, found: str
) -> None:
    with pytest.raises(FetchError, match=found):
        fetched(ends, tmp_path, content=sent)
    assert not (tmp_path / "taken").exists()


def test_a_piece_that_is_too_long_is_refused(ends: Ends, tmp_path: Path) -> None:
    ends.altered = lambda piece: (piece or b"") + b"d"

    with pytest.raises(FetchError, match="found 1001 bytes of the file 'weights', expected 3000"):
        fetched(ends, tmp_path)


def test_a_piece_that_is_lost_is_asked_for_again(ends: Ends, tmp_path: Path) -> None:
    ends.lost = 1

    assert fetched(ends, tmp_path) == CONTENT
    assert len(ends.sent) == 4


def test_what_nobody_offers_is_told_at_once(ends: Ends, tmp_path: Path) -> None:
    Courier(ends.cell("server"))
    told = Offered("weights", "R1", 3000, "")

    with pytest.raises(FetchError, match="found 0 bytes of the file 'weights', expected 3000"):
        Courier(ends.cell("ash")).fetch(
            "server", told, tmp_path / "taken", piece_bytes=1000, stop=Signal()
        )
    assert ends.sent.count(("ash", 0)) == 1


def test_an_end_that_says_nothing_is_given_up(ends: Ends, tmp_path: Path) -> None:
    ends.lost = 1000

    with pytest.raises(FetchError, match="found 0 bytes of the file 'weights', expected 3000"):
        fetched(ends, tmp_path)
    # One that is ahead of the first, and the first four times.
    assert sorted(at for _, at in ends.sent) == [0, 0, 0, 0, 1000]


def test_who_stops_waits_for_no_piece(
    ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_WAIT_FOR_PIECE_S", 1000.0)
    ends.lost, stop = 1000, Signal()
    threading.Timer(0.1, stop.trigger, ["over"]).start()

    with pytest.raises(FetchError, match="found 0 bytes"):
        fetched(ends, tmp_path, stop=stop)


def test_pieces_of_others_and_such_as_nobody_asked_for_are_dropped(
    ends: Ends, tmp_path: Path
) -> None:
    def overheard(message: CellMessage) -> None:
        asked = json.loads(message.payload)
        for origin, at in (("birch", asked["at"]), ("server", 17), ("server", asked["at"])):
            piece = CONTENT[:1000] if (origin, at) == ("server", asked["at"]) else b"d" * 1000
            headers = {"fetch": asked["fetch"], "at": at, MessageHeaderKey.ORIGIN: origin}
            ends.heard["ash", "piece"](CellMessage(headers, piece))

    ash = Courier(ends.cell("ash"))
    ends.heard["server", "wanted"] = overheard
    told = Offered("weights", "R1", 3000, hashlib.sha256(CONTENT[:1000] * 3).hexdigest())

    ash.fetch("server", told, tmp_path / "taken", piece_bytes=1000, stop=Signal())

    assert (tmp_path / "taken").read_bytes() == CONTENT[:1000] * 3


def test_no_more_than_two_pieces_are_under_way(ends: Ends, tmp_path: Path) -> None:
    asked: list[int] = []
    ends.heard["server", "wanted"] = lambda message: asked.append(json.loads(message.payload)["at"])
    told, stop = Offered("weights", "R1", 10_000, ""), Signal()
    threading.Timer(0.1, stop.trigger, ["over"]).start()

    with pytest.raises(FetchError):
        Courier(ends.cell("ash")).fetch(
            "server", told, tmp_path / "taken", piece_bytes=1000, stop=stop
        )
    assert sorted(asked) == [0, 1000]


def test_many_at_once_are_sent_one_piece_after_the_other(ends: Ends, tmp_path: Path) -> None:
    ends.altered = lambda piece: time.sleep(0.02) or piece  # type: ignore[func-returns-value]
    (tmp_path / "source").write_bytes(CONTENT)
    server = Courier(ends.cell("server"))

    with server.offering([tmp_path / "source"]) as offered, ThreadPoolExecutor(4) as sites:
        told = Offered("weights", *offered[tmp_path / "source"])
        for site in ("ash", "birch", "cedar", "dogwood"):
            courier = Courier(ends.cell(site))
            fetch = partial(courier.fetch, piece_bytes=1000, stop=Signal())
            sites.submit(fetch, "server", told, tmp_path / site)

    assert {(tmp_path / site).read_bytes() for site, _ in ends.sent} == {CONTENT}
    # On a busy machine one may be asked for again.
    assert len(set(ends.sent)) == 12
    assert ends.most_sending == 1


def test_a_piece_is_never_longer_than_the_longest(ends: Ends, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"d" * (2**19 + 1))
    server, ash = Courier(ends.cell("server")), Courier(ends.cell("ash"))

    with server.offering([tmp_path / "source"]) as offered:
        told = Offered("weights", *offered[tmp_path / "source"])
        with pytest.raises(FetchError, match="found 524288 bytes of the file 'weights'"):
            ash.fetch("server", told, tmp_path / "taken", piece_bytes=2**20, stop=Signal())
        with pytest.raises(ValueError, match="must not be zero"):
            ash.fetch("server", told, tmp_path / "taken", piece_bytes=0, stop=Signal())

    # What is below 0 would be all that there is.
    assert files._read(tmp_path / "source", 0, -1) == b""


@pytest.mark.parametrize(
    ("num_sites", "length"), [(0, 2**19), (3, 2**19), (8, 2**19), (16, 2**18), (1000, 2**16)]
)
def test_more_sites_have_smaller_pieces_under_way(num_sites: int, length: int) -> None:
    # Two of each site, 8 MB together: 8 x 2 x 2**19 and 16 x 2 x 2**18 are 2**23.
    assert piece_bytes(num_sites) == length


def test_a_message_is_no_stream(ends: Ends) -> None:
    assert send(ends.cell("server"), "ash", "question", "{}", wait_s=1) == TAKEN


def test_a_full_disk_is_told_as_such(ends: Ends, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    server, ash = Courier(ends.cell("server")), Courier(ends.cell("ash"))

    with server.offering([tmp_path / "source"]) as offered:
        told = Offered("weights", *offered[tmp_path / "source"])
        with files_of_at_most(2999), pytest.raises(OSError, match="File too large"):
            ash.fetch("server", told, tmp_path / "taken", piece_bytes=1000, stop=Signal())

    assert not (tmp_path / "taken").exists()


@pytest.mark.parametrize(
    "facts",
    [
        None,
        [1],
        [{"name": "a"}],
        [{"name": "a", "reference": "R", "size": -1, "sha256": ""}],
        [{"name": "a", "reference": "R", "size": True, "sha256": ""}],
        [{"name": "a", "reference": "R", "size": 1, "sha256": ""}] * 2,
        [{"name": "a", "reference": "R", "size": 1, "sha256": "", "more": 1}],
    ],
)
def test_facts_that_are_not_of_files_are_refused(facts: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        offered_files(facts)


@pytest.mark.parametrize("body", [{"loss": float("nan")}, {"path": Path()}, {"a": {1}}])
def test_what_json_does_not_have_is_not_sent(body: dict[str, object]) -> None:
    with pytest.raises(UnsayableError, match="found values that JSON does not have"):
        text_of(body)


def test_who_asks_for_a_piece_for_ever_gets_it_a_few_times(ends: Ends, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    server = Courier(ends.cell("server"))
    Courier(ends.cell("ash"))
    with server.offering([source]) as offered:
        wanted = {"reference": offered[source][0], "fetch": "mine", "at": 0, "length": 3000}

        for _ in range(500):
            message = CellMessage(payload=text_of(wanted))
            message.set_header(MessageHeaderKey.ORIGIN, "ash")
            ends.heard["server", "wanted"](message)

    # Four times its 3,000 bytes and 64 KiB beside: 274,144 / 3,000.
    assert len(ends.sent) == 92
