"""What the two ends say to each other: small messages of plain JSON; files are fetched by name.

The site says that it is there and whether it is at work (`hello`), the coordinator asks
(`question`), the site acknowledges and works, then sends its `answer` until it hears that it is
`over`. Everything may come twice. Of a file either end tells the other which piece is `wanted`, and
gets that `piece`.

Three things are known to one site and the coordinator only, because NVFLARE lets sites reach one
another: a token that the site makes up and that each question must show, the id of the question
that each answer must show, and the references of the files.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.cellnet.defs import MessageHeaderKey, ReturnCode
from nvflare.fuel.f3.cellnet.fqcn import FQCN
from nvflare.fuel.f3.cellnet.utils import make_reply, new_cell_message
from nvflare.fuel.f3.message import Message as CellMessage

CHANNEL = "fedmedlora"
HELLO = "hello"
QUESTION = "question"
ANSWER = "answer"
OVER = "over"
WANTED = "wanted"
PIECE = "piece"

TAKEN = {"state": "taken"}
IS_OVER = {"state": "over"}

_MOST_CHARACTERS = 64 * 2**20
_MOST_FILES = 1000


@dataclass(frozen=True, slots=True)
class Offered:
    """A file that can be fetched.

    Attributes:
        reference: By which whoever offers it knows it.
        size: In bytes.
        sha256: Of its content, in hexadecimal.
    """

    name: str
    reference: str
    size: int
    sha256: str


def as_facts(offered: Mapping[str, Offered]) -> list[dict[str, Any]]:
    """Return what is said of files."""
    return [asdict(each) for each in offered.values()]


def offered_files(facts: object) -> list[Offered]:
    """Return the files that the other end says it offers.

    Raises:
        ValueError: It says something else.
    """
    if not isinstance(facts, list) or len(facts) > _MOST_FILES:
        raise ValueError("files")
    files = [Offered(**each) for each in facts if isinstance(each, dict)]
    names = {each.name for each in files}
    sound = all(
        isinstance(each.name, str)
        and isinstance(each.reference, str)
        and isinstance(each.sha256, str)
        and type(each.size) is int
        and each.size >= 0
        for each in files
    )
    if not sound or len(names) != len(facts):
        raise ValueError("files")
    return files


class UnsayableError(ValueError):
    """Something cannot be sent; the message says what was found and expected."""


def text_of(content: Mapping[str, Any]) -> str:
    """Return a message as it is sent.

    Raises:
        UnsayableError: It is too long, or not JSON.
    """
    try:
        text = json.dumps(content, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UnsayableError("found values that JSON does not have, expected plain ones") from error
    if len(text) > _MOST_CHARACTERS:
        raise UnsayableError(f"found {len(text)} characters, expected at most {_MOST_CHARACTERS}")
    return text


def unpacked(message: CellMessage) -> dict[str, Any]:
    """Return what a message says.

    Raises:
        ValueError: It is too long, or no JSON object.
    """
    text = message.payload
    if not isinstance(text, str) or len(text) > _MOST_CHARACTERS:
        raise ValueError("no text, or too long")
    content = json.loads(text)
    if not isinstance(content, dict):
        raise TypeError("no object")
    return content


def reply(content: Mapping[str, Any]) -> CellMessage:
    """Return a reply to a message."""
    return make_reply(ReturnCode.OK, body=json.dumps(content))


def sender(message: CellMessage) -> str:
    """Return from where a message came, as NVFLARE's server has checked it."""
    return str(message.get_header(MessageHeaderKey.ORIGIN))


def end_of(place: str, job: str) -> str:
    """Return where the process of a job at a place is reached."""
    address: str = FQCN.join([place, job])
    return address


def send(cell: Cell, target: str, topic: str, text: str, *, wait_s: float) -> dict[str, Any] | None:
    """Return the reply to a message; None where none came in time."""
    # Not by the cell itself, which makes a stream of each message; see `files`.
    answered = cell.core_cell.send_request(
        channel=CHANNEL,
        target=target,
        topic=topic,
        request=new_cell_message({}, text),
        timeout=wait_s,
        optional=True,
    )
    if answered.get_header(MessageHeaderKey.RETURN_CODE) != ReturnCode.OK:
        return None
    try:
        return unpacked(answered)
    except (TypeError, ValueError):
        return None


def tell(cell: Cell, target: str, topic: str, content: Mapping[str, Any]) -> None:
    """Send a message to which there is no reply; it may be lost."""
    hand(cell, target, topic, {}, text_of(content))


def hand(
    cell: Cell, target: str, topic: str, headers: Mapping[str, object], payload: str | bytes | None
) -> None:
    """Send text or bytes to which there is no reply; they may be lost."""
    cell.core_cell.fire_and_forget(
        channel=CHANNEL,
        topic=topic,
        targets=target,
        message=new_cell_message(dict(headers), payload),
        optional=True,
    )
