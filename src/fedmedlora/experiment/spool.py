"""What each participant sent in a round, kept until nobody can ask for it again.

A site's update is a pure function of what it is sent, whose notes it reads, the seed, the schedule,
what a method changes there and what the site kept from before. It is kept under the digest of
those, so a round that was cut short asks only the sites that had not answered, and arms that begin
alike share their first round.

In private it is no function of them: noise is drawn anew, and paid for. What is kept is then kept
all the more.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import open_update
from fedmedlora.errors import ModelError
from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.clipping import Limits
from fedmedlora.federation.engine import Engine, Outcome, Participant
from fedmedlora.federation.notary import NOBODY, Notary
from fedmedlora.federation.private_plan import PrivatePlan
from fedmedlora.federation.site_round import Sent
from fedmedlora.federation.updates import Absence

_ROOM = 16
"""How much larger than any of ours a tensor may claim to be, to be told what is wrong with it."""

NOT_PRIVATE: Mapping[str, PrivatePlan | None] = MappingProxyType({})

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
    private: Mapping[str, PrivatePlan | None] = NOT_PRIVATE,
    run: str = "",
    limits: Limits | None = None,
) -> dict[str, LocalPlan]:
    """Return every participant's plan for a round, by name.

    Args:
        run: By what signed documents name the arm, "" where nothing is signed.
        memories: Site to the sha256 of what it kept from the round before, of those that kept
            something.
        private: Site to what its training must keep, of those that train in private.
        limits: How far updates may go that stay at their sites; None where they travel.
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
            private=private.get(participant.name),
            run=run,
            limits=limits,
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
    notary: Notary = NOBODY,
) -> tuple[list[Spooled], list[Absence]]:
    """Return what each participant sent, asking only those that have not answered yet.

    Args:
        keys: Under what each participant's update is kept.
        notary: Signs for the sites where this machine does.
    """
    most = Most.of(start)
    kept = {name: _kept(store, key, most) for name, key in keys.items()}
    spooled = {name: update for name, update in kept.items() if update is not None}
    missing = [p for p in arm.participants if p.name not in spooled]
    silence = "found no answer, expected a trained adapter"
    absences = {p.name: Absence(p.name, silence) for p in missing}
    for outcome in engine.train(missing, start, plans) if missing else ():
        name = outcome.participant.name
        attested, plan = _attested(outcome, plans[name], notary), plans[name]
        update = _spooled(store, attested, most, stays=plan.limits is not None)
        if isinstance(update, Absence):
            absences[name] = update
            continue
        # An arm that runs beside this one and begins alike may have been first.
        if store.site_update(keys[name]) is None:
            store.put_site_update(keys[name], update.row)
        spooled[name] = update
        del absences[name]
    for name, absence in absences.items():
        logger.warning("%s: %s does not take part: %s", arm.name, name, absence.reason)
    return [spooled[name] for name in keys if name in spooled], [*absences.values()]


@dataclass(frozen=True, slots=True)
class Most:
    """What an update of a round holds at most."""

    num_bytes: int
    values: int
    tensors: int

    @classmethod
    def of(cls, start: AdapterWeights) -> "Most":
        """Return what an update of a round that starts so holds at most."""
        sizes = [start[name].size for name in start]
        num_bytes = _ROOM * 4 * sum(sizes) + 2**20
        return cls(num_bytes, _ROOM * max(sizes), _ROOM * len(sizes))


def _kept(store: RunStore, key: str, most: Most) -> Spooled | None:
    row = store.site_update(key)
    if row is None:
        return None
    if row.get("stays"):
        return Spooled(row, {})
    try:
        delta = store.update(row["delta"], most_values=most.values, most_tensors=most.tensors)
        return Spooled(row, delta)
    except ModelError as error:
        # What cannot be read just now is not lost.
        if isinstance(error.__cause__, OSError) and not isinstance(
            error.__cause__, FileNotFoundError
        ):
            raise
        logger.warning("%s trains again, as its update is lost: %s", row["site"], error)
        store.forget_site_updates([key])
        return None


def _attested(outcome: Outcome, plan: LocalPlan, notary: Notary) -> Outcome:
    if outcome.sent is None:
        return outcome
    return replace(outcome, sent=notary.attested(outcome.participant.name, outcome.sent, plan))


def _spooled(store: RunStore, outcome: Outcome, most: Most, *, stays: bool) -> Spooled | Absence:
    """Return an update whose delta is in a file, or stays at its site, or why there is none."""
    sent, site = outcome.sent, outcome.participant.name
    if sent is None:
        return Absence(site, outcome.reason, outcome.code)
    if refusal := _unfit(site, sent, most, stays=stays):
        return refusal
    # Flushing would be waited for in every round; after a power cut a site trains again.
    delta = None if stays else store.put_update(sent.payload)
    row = {
        "site": site,
        "delta": delta.sha256 if delta else None,
        "stays": sent.stays,
        "bytes": delta.num_bytes if delta else 0,
        "kept": sent.memory,
        "num_tokens": sent.num_tokens,
        "loss": sent.loss if math.isfinite(sent.loss) else None,
        "base": sent.base,
        "start": sent.start,
        "round": sent.round_index,
        "seconds": outcome.seconds,
        "privacy": sent.privacy,
    }
    if sent.attestation is not None:
        row |= {"manifest": sent.attestation.manifest, "consent": sent.attestation.consent}
    if delta is None:
        return Spooled(row, {})
    try:
        # Read from the disk again, so that memory holds no more than one site's.
        opened = open_update(delta.path, most_values=most.values, most_tensors=most.tensors)
        return Spooled(row, opened)
    except ModelError as error:
        return Absence(site, f"update of {site}: {error}", error.code)


def _unfit(site: str, sent: Sent, most: Most, *, stays: bool) -> Absence | None:
    """Return why something is not even put on the disk, None where it is."""
    if stays != (sent.stays is not None) or (stays and sent.payload):
        expected = "a digest alone, as it stays there" if stays else "its bytes"
        found = f"found another answer, expected {expected}; start that site again"
        return Absence(site, f"update of {site}: {found}", "unreadable")
    if len(sent.payload) > most.num_bytes:
        found = f"found {len(sent.payload)} bytes, expected {most.num_bytes} at most"
        return Absence(site, f"update of {site}: {found}; send one of this round", "too_large")
    # A row holds whole numbers; what they may be is looked at on admission.
    if type(sent.num_tokens) is not int or type(sent.round_index) is not int:
        found = (
            f"found {sent.num_tokens} tokens in round {sent.round_index}, expected whole numbers"
        )
        return Absence(site, f"update of {site}: {found}; look at its training log", "bad_number")
    return None


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
        plan.run,
        *([asdict(plan.limits)] if plan.limits else []),
    ]
    if plan.private is not None:
        # Who asks changes no value; arms that begin alike pay for one training.
        inputs.append({**asdict(plan.private), "arm": ""})
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
