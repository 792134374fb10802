"""What sites answer, taken apart: nothing in it is believed to have the shape it should have."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fedmedlora.engines.remote.machine import Machine
from fedmedlora.engines.remote.messages import Failure, Message
from fedmedlora.engines.remote.plain_values import Plain, ToldFacts, facts_from_json
from fedmedlora.errors import StoreError
from fedmedlora.federation.site_round import Attestation, Sent
from fedmedlora.tasks.counts import NoteCounts, from_json
from fedmedlora.tasks.tally import Tally, tally_from_json

logger = logging.getLogger(__name__)

Told = TypeVar("Told")

_OF_MACHINE = tuple(field.name for field in fields(Machine))


@dataclass(frozen=True, slots=True)
class Member:
    """A site whose base model is loaded.

    Attributes:
        token_counts: How often its training notes use each token of the public vocabulary.
        ceiling: What a perfect model would reach on its final notes.
        label_tokens: How many its training notes have in one pass, as it says.
    """

    token_counts: NDArray[np.int64]
    ceiling: NoteCounts
    label_tokens: int


def read(site: str, reply: Message | Failure, reader: Callable[[Message], Told]) -> Told | Failure:
    """Return what an answer says, or why nothing can be made of it; its files are gone then."""
    if isinstance(reply, Failure):
        return reply
    try:
        return reader(reply)
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        OSError,
        StoreError,
    ) as error:
        failure = Failure(
            f"site {site}: found an answer of another shape ({type(error).__name__}), expected one "
            "of this version; use the same version of this program at the coordinator and there",
            code="unreadable",
        )
        logger.warning("%s", failure.reason)
        return failure
    finally:
        for path in reply.files.values():
            path.unlink(missing_ok=True)


def told_facts(reply: Message) -> ToldFacts:
    """Return what a site says of its part."""
    return facts_from_json(reply.body)


def opened(reply: Message) -> Plain:
    """Return what a site says whose base model is loaded: what `member` makes one of, and more."""
    body = reply.body
    member(body)
    return {
        "dtype": str(body["dtype"]),
        "own": {key: str(body["own"][key]) for key in _OF_MACHINE if key in body["own"]},
        "initial": str(body["initial"]),
        "token_counts": body["token_counts"],
        "ceiling": body["ceiling"],
        "label_tokens": body["label_tokens"],
        "enrolment": body["enrolment"],
    }


def member(body: Plain) -> Member:
    """Return the member that speaks so.

    Raises:
        ValueError: Its token counts, or its label tokens, are none.
        StoreError: Its ceiling is none.
    """
    counts = np.array(body["token_counts"], np.int64)
    if counts.ndim != 1 or (counts < 0).any():
        raise ValueError("token counts: found others, expected one number a token, none below 0")
    label_tokens = body["label_tokens"]
    if type(label_tokens) is not int or label_tokens < 0:
        raise ValueError("label tokens: found others, expected a whole number, 0 or more")
    return Member(counts, from_json(body["ceiling"]), label_tokens)


def holds(reply: Message) -> bool:
    """Return whether a site holds a bundle now."""
    return _flag(reply.body["held"])


def trained(reply: Message) -> tuple[Sent, float]:
    """Return what a site hands in, and the seconds its training took."""
    body = reply.body
    memory = body["memory"]
    stays = body.get("stays")
    sent = Sent(
        payload=reply.files["update"].read_bytes() if stays is None else b"",
        memory=None if memory is None else str(memory),
        num_tokens=int(body["num_tokens"]),
        loss=_number(body["loss"]),
        base=str(body["base"]),
        start=str(body["start"]),
        round_index=int(body["round_index"]),
        stays=None if stays is None else str(stays),
        attestation=_attestation(body["attestation"]),
        privacy=None if body["privacy"] is None else dict(body["privacy"]),
    )
    return sent, float(body["seconds"])


def told_digest(reply: Message) -> str:
    """Return the digest that a site tells."""
    return str(reply.body["sha256"])


def tallied(reply: Message) -> Tally:
    """Return what reading the site's notes came to."""
    return tally_from_json(reply.body["tally"])


def loss(reply: Message) -> float:
    """Return a loss in nats per label token, nan where it is not finite."""
    return _number(reply.body["loss"])


def drawn_notes(reply: Message) -> list[dict[str, object]]:
    """Return what the report draws of a public site."""
    return [dict(note) for note in reply.body["drawn"]]


def _attestation(value: Any) -> Attestation | None:  # noqa: ANN401 -- whatever a site says
    return value and Attestation(str(value["manifest"]), str(value["consent"]))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"found {type(value).__name__}, expected a bool")
    return value


def _number(value: Any) -> float:  # noqa: ANN401 -- whatever a site says
    return math.nan if value is None else float(value)
