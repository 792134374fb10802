"""What sites answer, taken apart: nothing in it is believed to have the shape it should have."""

import logging
import math
from collections.abc import Callable
from typing import Any, TypeVar

from fedmedlora.engines.remote.messages import Failure, Message
from fedmedlora.errors import StoreError
from fedmedlora.federation.site_round import Sent
from fedmedlora.tasks.tally import Tally, tally_from_json

logger = logging.getLogger(__name__)

Told = TypeVar("Told")


def read(site: str, reply: Message | Failure, reader: Callable[[Message], Told]) -> Told | Failure:
    """Return what an answer says, or why nothing can be made of it."""
    if isinstance(reply, Failure):
        return reply
    try:
        return reader(reply)
    except (KeyError, TypeError, ValueError, OSError, StoreError) as error:
        failure = Failure(
            f"site {site}: found an answer of another shape ({type(error).__name__}), expected one "
            "of this version; use the same version of this program at the coordinator and there"
        )
        logger.warning("%s", failure.reason)
        return failure


def trained(reply: Message) -> tuple[Sent, float]:
    """Return what a site hands in, and the seconds its training took."""
    path, body = reply.files["update"], reply.body
    payload = path.read_bytes()
    path.unlink()
    memory = body["memory"]
    sent = Sent(
        payload=payload,
        memory=None if memory is None else str(memory),
        num_tokens=int(body["num_tokens"]),
        loss=_number(body["loss"]),
        base=str(body["base"]),
        start=str(body["start"]),
        round_index=int(body["round_index"]),
    )
    return sent, float(body["seconds"])


def tallied(reply: Message) -> Tally:
    """Return what reading the site's notes came to."""
    return tally_from_json(reply.body["tally"])


def loss(reply: Message) -> float:
    """Return a loss in nats per label token, nan where it is not finite."""
    return _number(reply.body["loss"])


def drawn_notes(reply: Message) -> list[dict[str, object]]:
    """Return what the report draws of a public site."""
    return [dict(note) for note in reply.body["drawn"]]


def _number(value: Any) -> float:  # noqa: ANN401 -- whatever a site says
    return math.nan if value is None else float(value)
