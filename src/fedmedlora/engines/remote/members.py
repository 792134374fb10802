"""Who takes part: each site is asked what it is, then opens the base model that all must share."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.engines.local import LocalEngine
from fedmedlora.engines.remote.answers import Told, opened, read, told_facts
from fedmedlora.engines.remote.machine import OF_MODEL
from fedmedlora.engines.remote.messages import Failure, Message, Transport
from fedmedlora.engines.remote.plain_values import Plain, ToldFacts
from fedmedlora.experiment.places import SiteEntry

logger = logging.getLogger(__name__)


def joined(
    transport: Transport, entries: Mapping[str, SiteEntry], experiment: str, *, wait_s: float
) -> tuple[dict[str, ToldFacts], dict[str, Failure]]:
    """Return the facts of the sites that take part, and why the others do not.

    Args:
        entries: By site that is asked, what the experiment says of it.
        experiment: The text of its file.
    """
    questions = {site: Message("join", {"experiment": experiment}) for site in entries}
    told, failures = asked(transport, questions, told_facts, wait_s=wait_s)
    for site, facts in told.items():
        if other := _otherwise(site, facts, entries[site]):
            failures[site] = Failure(f"site {site}: {other}")
            logger.warning("%s", failures[site].reason)
    return {site: told[site] for site in told if site not in failures}, failures


def _otherwise(site: str, facts: ToldFacts, entry: SiteEntry) -> str:
    """Return in what a site is not what the experiment says of it, "" where it is just that."""
    if (facts.name, facts.role) != (site, entry.role):
        return (
            f"found that it answers as {facts.name!r} with the role {facts.role!r}, expected "
            f"{site!r} and {entry.role!r}; use the start-up kit of that site and the same version "
            "of this program there"
        )
    own, told = facts.own_lora, (entry.lora_rank, entry.lora_alpha)
    if (own.rank, own.alpha) == told:
        return ""
    return (
        f"found LoRA rank {own.rank} and alpha {own.alpha} of its own, expected {told[0]} and "
        f"{told[1]}, as the experiment has it; use the same version of this program there"
    )


def open_all(
    transport: Transport,
    sites: Iterable[str],
    engine: LocalEngine[Any],
    types: Sequence[str],
    *,
    beside: str,
    ledger: Plain | None,
    wait_s: float,
) -> tuple[dict[str, Plain], dict[str, Failure]]:
    """Return what sites say that can train with the others, and why others cannot.

    What they say makes a `Member` each.

    Args:
        engine: The coordinator's own, on the same base model.
        types: All that will be asked for, of whichever site.
        beside: sha256 over the base's config.json and tokenizer.
        ledger: Which one the run has, and who its operator; None where nothing is signed.
    """
    told = {"types": list(types), "base": engine.base, "beside": beside, "ledger": ledger}
    questions = {site: Message("open", told) for site in sites}
    answers, failures = asked(transport, questions, opened, wait_s=wait_s)
    start = adapter_digest(engine.initial())
    fit = {}
    for site in sorted(answers):
        body = answers[site]
        if (num_counts := len(body["token_counts"])) != engine.num_counts:
            failures[site] = Failure(
                f"site {site}: found {num_counts} token counts, expected {engine.num_counts}, one "
                "for each token of the public vocabulary and one for the rest; use the same "
                "version of this program there"
            )
            logger.warning("%s", failures[site].reason)
            continue
        # Drawn in another number format a start is another; such a site is sent the coordinator's.
        if (found := body["initial"]) == start or body["own"].keys() & set(OF_MODEL):
            fit[site] = body
            continue
        failures[site] = Failure(
            f"site {site}: found that it starts from another adapter ({found}), expected {start}; "
            "use the same versions of this program, torch and numpy there"
        )
        logger.warning("%s", failures[site].reason)
    return fit, failures


def asked(
    transport: Transport,
    questions: Mapping[str, Message],
    reader: Callable[[Message], Told],
    *,
    wait_s: float,
) -> tuple[dict[str, Told], dict[str, Failure]]:
    """Return by site what the answers say, and what stands for those that say nothing.

    The latter is logged. None of these answers has files.
    """
    answers: dict[str, Told] = {}
    failures: dict[str, Failure] = {}
    for site, reply in transport.ask(questions, wait_s=wait_s, most_bytes=0):
        if isinstance(reply, Failure):
            logger.warning("%s", reply.reason)
        told = read(site, reply, reader)
        if isinstance(told, Failure):
            failures[site] = told
        else:
            answers[site] = told
    return answers, failures
