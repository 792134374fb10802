"""Who takes part: each site is asked what it is, then opens the base model that all must share."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.engines.remote.messages import Failure, Message, Transport
from fedmedlora.engines.remote.plain_values import Plain, ToldFacts, facts_from_json
from fedmedlora.federation.engine import Engine
from fedmedlora.tasks.scoring import NoteCounts, from_json

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """A site whose base model is loaded.

    Attributes:
        token_counts: How often its training notes use each token of the public vocabulary.
        ceiling: What a perfect model would reach on its final notes.
    """

    token_counts: NDArray[np.int64]
    ceiling: NoteCounts


def joined(
    transport: Transport, sites: Iterable[str], experiment: str, *, wait_s: float
) -> tuple[dict[str, ToldFacts], dict[str, Failure]]:
    """Return the facts of the sites that take part, and why the others do not.

    Args:
        experiment: The text of its file.
    """
    questions = {site: Message("join", {"experiment": experiment}) for site in sites}
    answers, failures = asked(transport, questions, wait_s=wait_s)
    return {site: facts_from_json(answers[site].body) for site in answers}, failures


def open_all(
    transport: Transport,
    sites: Iterable[str],
    engine: Engine,
    types: Sequence[str],
    *,
    beside: str,
    wait_s: float,
) -> tuple[dict[str, Plain], dict[str, Failure]]:
    """Return what sites say that can train with the others, and why others cannot.

    What they say makes a `Member` each.

    Args:
        engine: The coordinator's own, on the same base model.
        types: All that will be asked for, of whichever site.
        beside: sha256 over the base's config.json and tokenizer.
    """
    told = {"types": list(types), "base": engine.base, "beside": beside}
    questions = {site: Message("open", told) for site in sites}
    answers, failures = asked(transport, questions, wait_s=wait_s)
    start = adapter_digest(engine.initial())
    opened = {}
    for site in sorted(answers):
        body = answers[site].body
        if body["own"]:
            said = ", ".join(f"{key} = {value}" for key, value in body["own"].items())
            logger.info("site %s: its machine has %s", site, said)
        # Drawn in another number format a start is another; such a site is sent the coordinator's.
        if (found := body["initial"]) == start or body["own"]:
            opened[site] = body
            continue
        failures[site] = Failure(
            f"site {site}: found that it starts from another adapter ({found}), expected {start}; "
            "use the same versions of this program, torch and numpy there"
        )
        logger.warning("%s", failures[site].reason)
    return opened, failures


def asked(
    transport: Transport, questions: Mapping[str, Message], *, wait_s: float, most_bytes: int = 0
) -> tuple[dict[str, Message], dict[str, Failure]]:
    """Return the answers by site, and what stands for those that gave none, which is logged."""
    answers: dict[str, Message] = {}
    failures: dict[str, Failure] = {}
    for site, reply in transport.ask(questions, wait_s=wait_s, most_bytes=most_bytes):
        if isinstance(reply, Failure):
            logger.warning("%s", reply.reason)
            failures[site] = reply
        else:
            answers[site] = reply
    return answers, failures


def member(body: Plain) -> Member:
    """Return the member that speaks so."""
    return Member(np.array(body["token_counts"], np.int64), from_json(body["ceiling"]))
