"""Files on their way, with a fake in the place of NVFLARE's cell."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from nvflare.apis.signal import Signal
from nvflare.fuel.f3.cellnet.defs import ReturnCode
from nvflare.fuel.f3.cellnet.utils import make_reply
from nvflare.fuel.f3.message import Message as CellMessage
from tests.full_disk import files_of_at_most

from fedmedlora.engines.nvflare.files import FetchError, fetch
from fedmedlora.engines.nvflare.wire import Offered, UnsayableError, offered_files, text_of

CONTENT = b"abc" * 1000


class Source:
    """What offers a file, as NVFLARE's download service has it."""

    def __init__(self, content: bytes, *, piece: int = 1000) -> None:
        self.content, self.piece, self.sent = content, piece, 0

    def send_request(self, *, request: CellMessage, **_: Any) -> CellMessage:  # noqa: ANN401
        if "state" in request.payload:
            self.sent = request.payload["state"]["received_bytes"]
        data = self.content[self.sent : self.sent + self.piece]
        if not data:
            return make_reply(ReturnCode.OK, body={"status": "eof"})
        state = {"received_bytes": self.sent + len(data)}
        return make_reply(ReturnCode.OK, body={"status": "ok", "state": state, "data": data})

    def fire_and_forget(self, **_: Any) -> None: ...  # noqa: ANN401

    def register_request_cb(self, **_: Any) -> None: ...  # noqa: ANN401


def promised(content: bytes = CONTENT) -> Offered:
    return Offered("weights", "R1", len(content), hashlib.sha256(content).hexdigest())


def test_a_file_arrives_as_it_was_promised(tmp_path: Path) -> None:
    fetch(Source(CONTENT), "ash", promised(), tmp_path / "0", stop=Signal())

    assert (tmp_path / "0").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (CONTENT[:-1], "found 2999 bytes of the file 'weights', expected 3000"),
        (b"", "found 0 bytes of the file 'weights', expected 3000"),
        (CONTENT + b"d", "found more than 3000 bytes of the file 'weights'"),
        (b"xbc" + CONTENT[3:], "found the file 'weights' altered on its way"),
    ],
)
def test_what_was_not_promised_is_refused_and_not_kept(
    tmp_path: Path, sent: bytes, found: str
) -> None:
    with pytest.raises(FetchError, match=found):
        fetch(Source(sent), "ash", promised(), tmp_path / "0", stop=Signal())
    assert not list(tmp_path.iterdir())


def test_a_file_that_gets_shorter_on_its_way_is_refused(tmp_path: Path) -> None:
    class Shrinking(Source):
        """NVFLARE's goes on to serve nothing, for it remembers how long the file was."""

        def send_request(self, *, request: CellMessage, **_: Any) -> CellMessage:  # noqa: ANN401
            self.sent = request.payload.get("state", {}).get("received_bytes", 0)
            data = self.content[self.sent : self.sent + self.piece]
            state = {"received_bytes": self.sent + len(data)}
            return make_reply(ReturnCode.OK, body={"status": "ok", "state": state, "data": data})

    with pytest.raises(FetchError, match="found 2500 bytes of the file 'weights', expected 3000"):
        fetch(Shrinking(CONTENT[:2500]), "ash", promised(), tmp_path / "0", stop=Signal())

    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    with files_of_at_most(2999), pytest.raises(OSError, match="File too large"):
        fetch(Source(CONTENT), "ash", promised(), tmp_path / "0", stop=Signal())

    assert not list(tmp_path.iterdir())


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
