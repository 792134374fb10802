"""A whole run: every arm's rounds, its final scores, and what follows from them.

This is the only place that puts the parts together. Whatever is in the store is not done again.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import (
    AggregationError,
    QuorumError,
    TrainingError,
)
from fedmedlora.evaluation.calibration import NUM_BINS
from fedmedlora.evaluation.cohorts import SiteFacts
from fedmedlora.evaluation.comparisons import BEST_SINGLE, MEAN_SINGLE, compare
from fedmedlora.evaluation.intervals import f1_intervals
from fedmedlora.experiment.arms import Arm, federated_arms, preferred_arm
from fedmedlora.experiment.baselines import BASELINE_ARMS, ModelName
from fedmedlora.experiment.calibrating import calibration_document
from fedmedlora.experiment.environment import usage
from fedmedlora.experiment.plan import all_arms, missing_arms, position_of, scored_on
from fedmedlora.experiment.premises import settle
from fedmedlora.experiment.results import write_results
from fedmedlora.experiment.rounds import run_rounds
from fedmedlora.experiment.schema import PERSONAL_ARMS, Experiment
from fedmedlora.experiment.sealing import seal_run
from fedmedlora.experiment.side_by_side import side_by_side
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.engine import Engine, Scope
from fedmedlora.federation.notary import NOBODY, Notary
from fedmedlora.federation.shift import token_shift
from fedmedlora.privacy.ckks import require_installed
from fedmedlora.tasks.counts import site_scores
from fedmedlora.tasks.kind import TaskKind, task_kinds
from fedmedlora.tasks.tally import Tally, tally_from_json, tally_to_json

logger = logging.getLogger(__name__)

_NOT_FROM_BOTH = (
    "the server sees the sum of the updates alone; together with any one site it sees each of "
    "them, for all sites share one key"
)


def run(
    experiment: Experiment,
    engine: Engine,
    store: RunStore,
    facts: Mapping[str, SiteFacts],
    *,
    only: Sequence[str] | None = None,
    model: ModelName = "own",
    notary: Notary = NOBODY,
) -> None:
    """Run what is missing of an experiment's arms of one model and write results.json.

    An arm that cannot go on does not keep the others from running.

    Args:
        only: Arms to run, as the experiment names them; None is all.
        model: Whose engine it is; the arms of other models are left for theirs.
        notary: Checks what sites signed, and seals what is closed.

    Raises:
        InputError: The run began with other notes, an arm starts from one that is neither finished
            nor to be run, or the extra `blind` is missing where the server sees sums alone.
        ModelError: The run began with another base model.
        QuorumError: Some arm could not go on: too few usable updates, or none that can be weighed.
        StoreError: The disk is full, or the store cannot be written.
        EngineError: A process that does the engine's work has ended.
    """
    missing = [
        arm for arm in missing_arms(experiment, store, facts, only=only) if arm.model == model
    ]
    settle(model, experiment, engine, store, facts)
    if experiment.aggregation.sees == "sum":
        # Before anybody trains for a sum that could not be formed.
        require_installed()
        logger.info(_NOT_FROM_BOTH)
    earlier, began = store.meta("usage") or {}, time.monotonic()
    failures = {}

    def attempt(arm: Arm) -> None:
        try:
            _run_arm(arm, experiment, engine, store, facts, notary)
        except (QuorumError, AggregationError, TrainingError) as error:
            failures[arm.name] = f"arm {arm.name}: {error}"
            logger.warning("%s", failures[arm.name])
        seconds, peak = time.monotonic() - began, engine.peak_memory_bytes()
        store.put_meta("usage", usage(earlier, seconds=seconds, peak_memory_bytes=peak))

    side_by_side(missing, attempt, engine)
    conclude(experiment, store, facts, notary)
    if failures:
        raise QuorumError("\n".join(failures[arm.name] for arm in missing if arm.name in failures))


def conclude(
    experiment: Experiment,
    store: RunStore,
    facts: Mapping[str, SiteFacts],
    notary: Notary = NOBODY,
) -> None:
    """Compare the finished arms, write results.json, and forget what no arm will ask for again.

    Raises:
        StoreError: The disk is full or the store cannot be written.
    """
    store.put_meta("comparisons", _comparisons(experiment, store, facts))
    if not missing_arms(experiment, store, facts):
        store.forget_site_updates(store.site_update_keys())
        store.sweep()
    seal_run(store, notary)
    write_results(store)


def _run_arm(
    arm: Arm,
    experiment: Experiment,
    engine: Engine,
    store: RunStore,
    facts: Mapping[str, SiteFacts],
    notary: Notary,
) -> None:
    finished = store.arm(arm.name)
    document = finished or run_rounds(
        arm, experiment, engine, store, shifts=_shifts(arm, engine), notary=notary
    )
    began = time.monotonic()
    unread = [c for c in scored_on(arm, facts) if store.final(arm.name, c.name) is None]
    settings, kind = experiment.evaluation, task_kinds()[experiment.model.task]
    is_calibrated = arm.name == preferred_arm(experiment) and bool(kind.sure_parts)
    scope = Scope(
        "final",
        kind.parts,
        settings.final_notes,
        num_shown=arm.num_shown,
        replicates=settings.replicates,
        seed=experiment.seed,
        confidence_bins=NUM_BINS if is_calibrated else 0,
    )
    bundle, memories = store.adapters.get(document["adapter"]), document["memories"]
    readers = arm.strategy.local.readers(plain(bundle), memories, [s.name for s in unread])
    for site, tally, asked in _read(engine, bundle, readers, scope):
        final = _final(facts[site], tally, kind)
        shown = engine.shown(site, arm.num_shown) if arm.num_shown else {}
        told = {key: value for key, value in (("asked", asked), ("shown", shown)) if value}
        store.put_final(arm.name, site, {**final, **told})
    _require_scored(arm, readers[0], store)
    scored = [site.name for site in scored_on(arm, facts)]
    store.put_meta("scored", {**(store.meta("scored") or {}), arm.name: scored})
    if finished:
        return
    if arm.name == preferred_arm(experiment):
        trained = [site.name for site in facts.values() if site.role == "train"]
        limit = settings.calibration_notes
        own = calibration_document(
            arm, bundle, memories, engine, sites=trained, parts=kind.sure_parts, limit=limit
        )
        document |= {"calibration": own} if own else {}
        store.put_drawn(arm.name, _drawn(document["adapter"], experiment, engine, store, facts))
    document["evaluation_seconds"] = time.monotonic() - began
    store.put_arm(arm.name, document, position=position_of(arm, experiment, facts))
    logger.info("%s: scored on %d sites", arm.name, len(store.finals(arm.name)))


def _require_scored(arm: Arm, sites: Sequence[str], store: RunStore) -> None:
    """Let an arm pass whose sites have all been scored; what was scored is kept meanwhile.

    Raises:
        QuorumError: A site did not answer.
    """
    scored = store.finals(arm.name)
    if unread := [site for site in sites if site not in scored]:
        raise QuorumError(
            f"final scores: found none of {', '.join(unread)}, expected them; see that the site "
            "answers, and go on (a federation can also be started --without one that left)"
        )


def _read(
    engine: Engine,
    bundle: AdapterWeights,
    readers: tuple[Sequence[str], Mapping[str, str]],
    scope: Scope,
) -> Iterator[tuple[str, Tally, dict[str, int]]]:
    """Yield each site with its tally and with what reading it took of somebody else."""
    spent = engine.spent()
    sites, memories = readers
    for site, tally in engine.evaluate(bundle, sites, scope, memories=memories):
        before, spent = spent, engine.spent()
        yield site, tally, {name: spent[name] - before.get(name, 0) for name in spent}


def _shifts(arm: Arm, engine: Engine) -> Mapping[str, float]:
    if "shift" not in arm.strategy.needs:
        return {}
    return token_shift({p.name: engine.token_counts(p.name) for p in arm.participants})


def _final(site: SiteFacts, tally: Tally, kind: TaskKind) -> dict[str, Any]:
    scores = site_scores(
        tally.total,
        num_notes=tally.num_notes,
        split=site.final_split,
        parts=kind.parts,
        scored=kind.scored(kind.parts, site.labels),
        intervals=f1_intervals(tally, kind.parts),
    )
    return {"scores": scores, "tally": tally_to_json(tally)}


def _drawn(
    adapter: str,
    experiment: Experiment,
    engine: Engine,
    store: RunStore,
    facts: Mapping[str, SiteFacts],
) -> list[dict[str, object]]:
    weights = store.adapters.get(adapter)
    shown = [site.name for site in facts.values() if site.public and site.role == "train"]
    return [
        {**note, "arm": preferred_arm(experiment)}
        for site in shown[: experiment.evaluation.drawn_notes]
        for note in engine.predictions(weights, site, "final", limit=1)
    ]


def _comparisons(
    experiment: Experiment, store: RunStore, facts: Mapping[str, SiteFacts]
) -> list[dict[str, object]]:
    # Without those of a site alone that left for good.
    names = {arm.name for arm in all_arms(experiment, facts)}
    finals = {
        arm: {site: tally_from_json(final["tally"]) for site, final in store.finals(arm).items()}
        for arm in store.arms()
        if arm in names
    }
    return compare(
        finals,
        metrics=task_kinds()[experiment.model.task].compared,
        pairs=_pairs(list(finals)),
        training_sites=[c.name for c in facts.values() if c.role == "train"],
        other_sites=[c.name for c in facts.values() if c.role in ("external", "new_site")],
    )


def _pairs(arms: Sequence[str]) -> list[tuple[str, str]]:
    """Return who is compared with whom, the preferred arm first."""
    federated = federated_arms(arms)
    rivals = (BEST_SINGLE, MEAN_SINGLE, "centralised", "zero_shot", *BASELINE_ARMS)
    pairs = [(arm, rival) for arm in federated for rival in rivals]
    pairs += [(federated[0], other) for other in federated[1:]]
    pairs += [(arm, federated[0]) for arm in PERSONAL_ARMS if federated and arm in arms]
    locals_ = {arm.partition(":")[2]: arm for arm in arms if arm.startswith("local_only:")}
    new = [arm for arm in arms if arm.startswith(("adapted:", "joined:"))]
    return pairs + [
        (arm, locals_[site]) for arm in new if (site := arm.partition(":")[2]) in locals_
    ]
