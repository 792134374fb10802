"""A run whose sites are elsewhere, from asking who is there to its last score."""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.engines.local import LocalEngine
from fedmedlora.engines.opening import open_local
from fedmedlora.engines.remote.answers import Member, member
from fedmedlora.engines.remote.audited import Auditing
from fedmedlora.engines.remote.engine import RemoteEngine
from fedmedlora.engines.remote.members import joined, open_all
from fedmedlora.engines.remote.messages import Failure, Grace, SessionOverError, Transport
from fedmedlora.engines.remote.plain_values import (
    Plain,
    ToldFacts,
    facts_from_json,
    facts_to_json,
)
from fedmedlora.errors import EngineError, Fault, InputError
from fedmedlora.evaluation.cohorts import Cohort, SiteFacts
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts, with_own_notes
from fedmedlora.experiment.plan import all_arms, missing_arms
from fedmedlora.experiment.run import conclude, run
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.engine import Engine
from fedmedlora.training.base_models import beside_weights

logger = logging.getLogger(__name__)

_LEFT = "left"


def coordinate(
    experiment: Experiment,
    text: str,
    store: RunStore,
    transport: Transport,
    auditing: AbstractContextManager[Auditing],
) -> None:
    """Run what is missing of an experiment with the sites that can be reached.

    Where somebody waits for the session to end it stops between two rounds, and at once where a
    site is gone: nothing that was answered is lost, and the next session goes on; see
    `is_complete`.

    Args:
        text: Of the experiment's file, as the sites get it.
        store: Of the run, open for writing.
        auditing: Has rounds signed and sealed.

    Raises:
        InputError: A site has other notes than when the run began.
        LedgerError: The ledger cannot be written or reached.
        EngineError: A site that the run cannot begin without has not taken part.
        QuorumError: Some arm could not go on.
        StoreError: The store cannot be written.
    """
    own = load_cohorts(with_own_notes(experiment))
    known, wait_s = _facts(experiment, store, own), experiment.engine.answer_s
    reached = transport.sites() & set(taking_part(experiment, store))
    entries = {site.name: site for site in experiment.sites if site.name in reached}
    told, failures = joined(transport, entries, text, wait_s=wait_s)
    if told.keys() <= known.keys() and not missing_arms(experiment, store, known):
        with auditing as audited:
            conclude(experiment, store, known, audited.notary(transport, {}, wait_s=wait_s)[0])
        return
    told, other = _of_the_same_notes(told, store)
    _require_enough(experiment, store, known.keys() | told.keys(), {**failures, **other})
    types = tuple(store.meta("types") or annotated_types({**known, **told}))
    told, unlike = _of_these_types(told, types)
    with (
        closing(_own_engine(experiment, own, types)) as mine,
        auditing as audited,
    ):
        opened, shut = open_all(
            transport,
            sorted(told),
            mine,
            types,
            beside=beside_weights(experiment.model.base),
            ledger=audited.told,
            wait_s=wait_s,
        )
        notary, unknown = audited.notary(transport, opened, wait_s=wait_s)
        opened = {site: body for site, body in opened.items() if site not in unknown}
        shut |= unknown
        _remember(store, {site: told[site] for site in opened}, opened)
        facts = _facts(experiment, store, own)
        _require_enough(experiment, store, facts.keys(), {**failures, **other, **unlike, **shut})
        # Settled with the run: whoever could not begin it does not decide what it asks for.
        store.put_meta("types", list(types))
        engine = RemoteEngine(
            transport,
            {**_members(store), **{site: _own_member(mine, site, experiment) for site in own}},
            mine,
            here=opened.keys(),
            answer_s=wait_s,
            grace=_grace(experiment),
        )
        with closing(engine):
            try:
                run(experiment, engine, store, facts, notary=notary)
            except SessionOverError as error:
                logger.info("%s", error)


def is_complete(experiment: Experiment, store: RunStore) -> bool:
    """Return whether nothing is missing of a run."""
    facts = _facts(experiment, store, {})
    return bool(facts) and not missing_arms(experiment, store, facts)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        arm: The one that closed a round last, None before that.
        round: The last of its rounds that is closed.
        rounds: How many it has at most.
        num_done: Arms that are finished.
        num_arms: Of so many.
        is_complete: Whether nothing is missing.
    """

    arm: str | None = None
    round: int = 0
    rounds: int = 0
    num_done: int = 0
    num_arms: int = 0
    is_complete: bool = False


def progress(experiment: Experiment, store: RunStore) -> Progress:
    """Return how far a run is."""
    arms = {arm.name: arm for arm in all_arms(experiment, _facts(experiment, store, {}))}
    begun = [name for name in store.begun_arms() if name in arms]
    last = begun[-1] if begun else None
    return Progress(
        arm=last,
        round=len(store.rounds(last)) if last else 0,
        rounds=arms[last].rounds if last else 0,
        num_done=len([name for name in store.arms() if name in arms]),
        num_arms=len(arms),
        is_complete=is_complete(experiment, store),
    )


def own_settings(store: RunStore) -> dict[str, Plain]:
    """Return, by site, what its machine does otherwise than the experiment says."""
    members = store.meta("members") or {}
    return {site: body["own"] for site, body in members.items() if body["own"]}


def taking_part(experiment: Experiment, store: RunStore) -> tuple[str, ...]:
    """Return the sites that a run is to have: those that it names but those that left for good."""
    left = store.meta(_LEFT) or []
    return tuple(name for name in experiment.sites_elsewhere() if name not in left)


def leave_for_good(experiment: Experiment, store: RunStore, sites: Collection[str]) -> None:
    """Note that a run goes on without some sites, and asks nothing more of them.

    What they handed in stays in the adapter; they are scored no more, and where arms are compared
    they count in none.

    Raises:
        InputError: The experiment has no such site, or too few would be left.
    """
    named = experiment.sites_elsewhere()
    faults = [
        Fault("--without", repr(site), f"one of {', '.join(named)}")
        for site in sites
        if site not in named
    ]
    left = sorted({*(store.meta(_LEFT) or []), *sites})
    trained = {site.name for site in experiment.sites_of("train")}
    if len(trained - set(left)) < experiment.quorum:
        found = f"{len(trained - set(left))} training sites without {', '.join(left)}"
        faults.append(Fault("--without", found, f"a quorum of {experiment.quorum}"))
    if faults:
        raise InputError(faults)
    if not sites:
        return
    store.put_meta(_LEFT, left)
    if is_complete(experiment, store):
        conclude(experiment, store, _facts(experiment, store, {}))


def _facts(
    experiment: Experiment, store: RunStore, own: Mapping[str, Cohort]
) -> dict[str, SiteFacts]:
    """Return the facts of every site that has taken part, in the file's order, and our own."""
    known = store.meta("facts") or {}
    names = [name for name in taking_part(experiment, store) if name in known]
    return {**{name: facts_from_json(known[name]) for name in names}, **own}


def _require_enough(
    experiment: Experiment,
    store: RunStore,
    sites: Collection[str],
    failures: Mapping[str, Failure],
) -> None:
    missing = [name for name in taking_part(experiment, store) if name not in sites]
    trained = {site.name for site in experiment.sites_of("train")}
    if not missing or (
        experiment.engine.late_joiners and len(trained & set(sites)) >= experiment.quorum
    ):
        return
    refused = [failures[site].reason for site in missing if site in failures]
    raise EngineError(
        "\n".join(refused)
        or f"sites: found that {', '.join(missing)} never took part, expected each once at least "
        "before a run begins; start them"
    )


def _of_the_same_notes(
    told: Mapping[str, ToldFacts], store: RunStore
) -> tuple[dict[str, ToldFacts], dict[str, Failure]]:
    """Return the sites with the notes that they had when they joined, and what keeps others out."""
    before = store.meta("notes") or {}
    failures = {}
    for site, facts in told.items():
        if before.get(site, facts.sha256) != facts.sha256:
            failures[site] = Failure(
                f"site {site}: found other notes, or another site.json, expected what it joined "
                "the run with; put that back, or take the site into a new run"
            )
            logger.warning("%s", failures[site].reason)
    return {site: told[site] for site in told if site not in failures}, failures


def _of_these_types(
    told: Mapping[str, ToldFacts], types: Sequence[str]
) -> tuple[dict[str, ToldFacts], dict[str, Failure]]:
    """Return the sites that annotate nothing beyond what a run asks for, and what keeps others."""
    failures = {}
    for site, facts in told.items():
        if beyond := [type_ for type_ in annotated_types({site: facts}) if type_ not in types]:
            failures[site] = Failure(
                f"site {site}: found that it annotates {', '.join(beyond)}, expected what the run "
                f"began with alone ({', '.join(types)}); take it into a new run"
            )
            logger.warning("%s", failures[site].reason)
    return {site: told[site] for site in told if site not in failures}, failures


def _own_engine(
    experiment: Experiment, own: Mapping[str, Cohort], types: tuple[str, ...]
) -> LocalEngine[Any]:
    return open_local(
        experiment.model,
        experiment.training,
        own,
        types,
        seed=experiment.seed,
        shelf=MemoryShelf(),
    )


def _grace(experiment: Experiment) -> Grace | None:
    seconds = experiment.engine.grace_s
    return None if seconds is None else Grace(experiment.quorum, seconds)


def _remember(store: RunStore, told: Mapping[str, ToldFacts], opened: Mapping[str, Plain]) -> None:
    facts = {site: facts_to_json(told[site]) for site in told}
    store.put_meta("facts", {**(store.meta("facts") or {}), **facts})
    store.put_meta("members", {**(store.meta("members") or {}), **opened})


def _members(store: RunStore) -> dict[str, Member]:
    return {site: member(body) for site, body in store.meta("members").items()}


def _own_member(engine: Engine, site: str, experiment: Experiment) -> Member:
    limit = experiment.evaluation.final_notes
    counts, ceiling = engine.token_counts(site), engine.ceiling(site, "final", limit=limit)
    return Member(counts, ceiling, label_tokens=0)
