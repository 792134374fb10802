"""What each participant sent in a round, kept until nobody can ask for it again.

A site's update is a pure function of what it is sent, whose notes it reads, the seed, the schedule,
what a method changes there and what the site kept from before. It is kept under the digest of
those, so a round that was cut short asks only the sites that had not answered, and arms that begin
alike share their first round.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import open_update
from fedmedlora.errors import ModelError
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine, Outcome, Participant
from fedmedlora.federation.updates import Absence

_ROOM = 16
"""How much larger than any of ours a tensor may claim to be, to be told what is wrong with it."""

logger = logging.getLogger(__name__)

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spooled:
    """What a participant sent.

    Attributes:
        row: As the store has it.
        delta: Opened: it can be read though an arm that runs beside this one forgets the row.
    """

    row: Document
    delta: AdapterWeights


def site_seed(seed: int, site: str, round_index: int) -> int:
    """Return the seed of one site's training in one round, from the run's seed."""
    digest = hashlib.sha256(f"{seed}/{site}/{round_index}".encode()).digest()
    return int.from_bytes(digest[:4])


def site_plans(
    arm: Arm,
    seed: int,
    round_index: int,
    memories: Mapping[str, str],
    *,
    codec: str = "float32",
) -> dict[str, LocalPlan]:
    """Return every participant's plan for a round, by name.

    Args:
        memories: Site to the sha256 of what it kept from the round before, of those that kept
            something.
    """
    return {
        participant.name: LocalPlan(
            site_seed(seed, participant.name, round_index),
            round_index,
            arm.rounds,
            method=arm.local_method,
            memory=memories.get(participant.name),
            rank=participant.rank,
            scaling=participant.scaling,
            codec=codec,
        )
        for participant in arm.participants
    }


def update_keys(arm: Arm, plans: Mapping[str, LocalPlan], before: str) -> dict[str, str]:
    """Return under what each participant's update of a round is kept, by name.

    Args:
        before: sha256 of what the sites are sent.
    """
    return {
        participant.name: _key(arm.model, before, participant, plans[participant.name])
        for participant in arm.participants
    }


def collect(
    arm: Arm,
    engine: Engine,
    store: RunStore,
    start: AdapterWeights,
    plans: Mapping[str, LocalPlan],
    keys: Mapping[str, str],
) -> tuple[list[Spooled], list[Absence]]:
    """Return what each participant sent, asking only those that have not answered yet.

    Args:
        keys: Under what each participant's update is kept.
    """
    most_values = _ROOM * max(start[name].size for name in start)
    kept = {name: _kept(store, key, most_values) for name, key in keys.items()}
    spooled = {name: update for name, update in kept.items() if update is not None}
    missing = [p for p in arm.participants if p.name not in spooled]
    reasons = {p.name: "found no answer, expected a trained adapter" for p in missing}
    for outcome in engine.train(missing, start, plans) if missing else ():
        name = outcome.participant.name
        update = _spooled(store, outcome, most_values)
        if isinstance(update, str):
            reasons[name] = update
            continue
        # An arm that runs beside this one and begins alike may have been first.
        if store.site_update(keys[name]) is None:
            store.put_site_update(keys[name], update.row)
        spooled[name] = update
        del reasons[name]
    for name, reason in reasons.items():
        logger.warning("%s: %s does not take part: %s", arm.name, name, reason)
    absences = [Absence(name, reason) for name, reason in reasons.items()]
    return [spooled[name] for name in keys if name in spooled], absences


def _kept(store: RunStore, key: str, most_values: int) -> Spooled | None:
    row = store.site_update(key)
    if row is None:
        return None
    try:
        return Spooled(row, store.update(row["delta"], most_values=most_values))
    except ModelError as error:
        # What cannot be read just now is not lost.
        if isinstance(error.__cause__, OSError) and not isinstance(
            error.__cause__, FileNotFoundError
        ):
            raise
        logger.warning("%s trains again, as its update is lost: %s", row["site"], error)
        store.forget_site_updates([key])
        return None


def _spooled(store: RunStore, outcome: Outcome, most_values: int) -> Spooled | str:
    """Return an update whose delta is in a file, or why there is none."""
    sent, site = outcome.sent, outcome.participant.name
    if sent is None:
        return outcome.reason
    # Flushing would be waited for in every round; after a power cut a site trains again.
    delta = store.put_update(sent.payload)
    row = {
        "site": site,
        "delta": delta.sha256,
        "bytes": delta.num_bytes,
        "kept": sent.memory,
        "num_tokens": sent.num_tokens,
        "loss": sent.loss if math.isfinite(sent.loss) else None,
        "base": sent.base,
        "start": sent.start,
        "round": sent.round_index,
        "seconds": outcome.seconds,
    }
    try:
        # Read from the disk again, so that memory holds no more than one site's.
        return Spooled(row, open_update(delta.path, most_values=most_values))
    except ModelError as error:
        return f"update of {site}: {error}"


def _key(model: str, before: str, participant: Participant, plan: LocalPlan) -> str:
    inputs = [
        model,
        before,
        participant.name,
        participant.sites,
        plan.seed,
        plan.round_index,
        plan.num_rounds,
        plan.method.name,
        None if plan.method.own is None else asdict(plan.method.own),
        plan.memory,
        plan.rank,
        plan.scaling,
        plan.codec,
    ]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
