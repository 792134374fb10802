"""What each participant sent in a round, kept until nobody can ask for it again.

A site's update is a pure function of the adapter it starts from, whose notes it reads, the seed
and the schedule. It is kept under the digest of those, so a round that was cut short asks only the
sites that had not answered, and arms that begin alike share their first round.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fedmedlora.adapters.files import open_adapter
from fedmedlora.adapters.weights import AdapterWeights, subtract
from fedmedlora.errors import ModelError
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Engine, Outcome, Participant
from fedmedlora.federation.updates import Absence

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


def site_plans(arm: Arm, seed: int, round_index: int) -> dict[str, LocalPlan]:
    """Return every participant's plan for a round, by name."""
    return {
        participant.name: LocalPlan(
            site_seed(seed, participant.name, round_index), round_index, arm.rounds
        )
        for participant in arm.participants
    }


def update_keys(arm: Arm, plans: Mapping[str, LocalPlan], before: str) -> dict[str, str]:
    """Return under what each participant's update of a round is kept, by name.

    Args:
        before: sha256 of the adapter the round starts from.
    """
    return {
        participant.name: _key(before, participant, plans[participant.name])
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
    kept = {name: _kept(store, key) for name, key in keys.items()}
    spooled = {name: update for name, update in kept.items() if update is not None}
    missing = [p for p in arm.participants if p.name not in spooled]
    reasons = {p.name: "found no answer, expected a trained adapter" for p in missing}
    for outcome in engine.train(missing, start, plans) if missing else ():
        name = outcome.participant.name
        update = _spooled(store, outcome, start)
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


def _kept(store: RunStore, key: str) -> Spooled | None:
    row = store.site_update(key)
    if row is None:
        return None
    try:
        return Spooled(row, store.adapter(row["delta"]))
    except ModelError as error:
        # What cannot be read just now is not lost.
        if isinstance(error.__cause__, OSError) and not isinstance(
            error.__cause__, FileNotFoundError
        ):
            raise
        logger.warning("%s trains again, as its update is lost: %s", row["site"], error)
        store.forget_site_updates([key])
        return None


def _spooled(store: RunStore, outcome: Outcome, start: AdapterWeights) -> Spooled | str:
    """Return an update whose delta is in a file, or why there is none."""
    trained, site = outcome.trained, outcome.participant.name
    if trained is None:
        return outcome.reason
    try:
        # Flushing would be waited for in every round; after a power cut a site trains again.
        delta = store.put_adapter(subtract(trained.adapter, start), flushed=False)
    except ValueError as error:
        return f"update of {site}: {error}"
    row = {
        "site": site,
        "delta": delta.sha256,
        "bytes": delta.num_bytes,
        "num_tokens": trained.num_tokens,
        "loss": trained.loss if math.isfinite(trained.loss) else None,
        "base": trained.base,
        "start": trained.start,
        "round": trained.round_index,
        "seconds": outcome.seconds,
    }
    # Read from the disk again, so that memory holds no more than one site's.
    return Spooled(row, open_adapter(delta.path))


def _key(before: str, participant: Participant, plan: LocalPlan) -> str:
    inputs = [
        before,
        participant.name,
        participant.sites,
        plan.seed,
        plan.round_index,
        plan.num_rounds,
    ]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
