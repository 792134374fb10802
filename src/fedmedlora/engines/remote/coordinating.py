"""A run whose sites are elsewhere, from asking who is there to its last score."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.engines.opening import open_local
from fedmedlora.engines.remote.engine import RemoteEngine, SessionOverError
from fedmedlora.engines.remote.members import Member, joined, member, opened
from fedmedlora.engines.remote.messages import Failure, Transport
from fedmedlora.engines.remote.plain_values import Plain, facts_from_json, facts_to_json
from fedmedlora.errors import EngineError
from fedmedlora.evaluation.cohorts import Cohort, SiteFacts
from fedmedlora.experiment.cohorts import annotated_types, load_cohorts, with_own_notes
from fedmedlora.experiment.run import conclude, missing_arms, run
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.engine import Engine

logger = logging.getLogger(__name__)


def coordinate(experiment: Experiment, text: str, store: RunStore, transport: Transport) -> None:
    """Run what is missing of an experiment with the sites that can be reached.

    Where somebody waits for the session to end it stops between two rounds, and at once where a
    site is gone: nothing that was answered is lost, and the next session goes on; see
    `is_complete`.

    Args:
        text: Of the experiment's file, as the sites get it.
        store: Of the run, open for writing.

    Raises:
        InputError: A site has other notes than when the run began.
        EngineError: A site of the experiment has never taken part.
        QuorumError: Some arm could not go on.
        StoreError: The store cannot be written.
    """
    own = load_cohorts(with_own_notes(experiment))
    facts = _known_facts(experiment, text, store, transport, own)
    if not missing_arms(experiment, store, facts):
        conclude(experiment, store, facts)
        return
    with _engine(experiment, store, transport, own, facts) as engine:
        try:
            run(experiment, engine, store, facts)
        except SessionOverError as error:
            logger.info("%s", error)


def is_complete(experiment: Experiment, store: RunStore) -> bool:
    """Return whether nothing is missing of a run."""
    own = load_cohorts(with_own_notes(experiment))
    known = store.meta("facts")
    return known is not None and not missing_arms(experiment, store, _facts(experiment, known, own))


def _known_facts(
    experiment: Experiment,
    text: str,
    store: RunStore,
    transport: Transport,
    own: Mapping[str, Cohort],
) -> dict[str, SiteFacts]:
    """Return the facts of every site, of those that cannot be reached as they told them before."""
    wait_s = experiment.engine.answer_s
    told, failures = joined(transport, sorted(transport.sites()), text, wait_s=wait_s)
    known = {**(store.meta("facts") or {}), **{n: facts_to_json(told[n]) for n in told}}
    store.put_meta("facts", known)
    if missing := [name for name in experiment.sites_elsewhere() if name not in known]:
        raise EngineError(_never_there(missing, failures))
    return _facts(experiment, known, own)


def _never_there(missing: Sequence[str], failures: Mapping[str, Failure]) -> str:
    refused = [failures[site].reason for site in missing if site in failures]
    if refused:
        return "\n".join(refused)
    return (
        f"sites: found that {', '.join(missing)} never took part, expected each once at least "
        "before a run begins; start them"
    )


def _facts(
    experiment: Experiment, known: Mapping[str, Plain], own: Mapping[str, Cohort]
) -> dict[str, SiteFacts]:
    elsewhere = [name for name in experiment.sites_elsewhere() if name in known]
    return {**{name: facts_from_json(known[name]) for name in elsewhere}, **own}


@contextmanager
def _engine(
    experiment: Experiment,
    store: RunStore,
    transport: Transport,
    own: Mapping[str, Cohort],
    facts: Mapping[str, SiteFacts],
) -> Iterator[Engine]:
    types = annotated_types(facts)
    if store.meta("types") is None:
        store.put_meta("types", types)
    mine = open_local(
        experiment.model,
        experiment.training,
        own,
        types,
        seed=experiment.seed,
        shelf=MemoryShelf(),
    )
    wait_s = experiment.engine.answer_s
    reached = sorted(transport.sites() & facts.keys())
    told = opened(transport, reached, mine, types, wait_s=wait_s)
    store.put_meta("members", known := {**(store.meta("members") or {}), **told})
    members = {
        **{site: member(known[site]) for site in known},
        **{site: _own_member(mine, site, experiment) for site in own},
    }
    engine = RemoteEngine(transport, members, mine, here=told.keys(), answer_s=wait_s)
    with closing(engine):
        yield engine


def _own_member(engine: Engine, site: str, experiment: Experiment) -> Member:
    limit = experiment.evaluation.final_notes
    return Member(engine.token_counts(site), engine.ceiling(site, "final", limit=limit))
