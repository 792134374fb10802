"""Which of a run's adapters are attacked, to tell what leaks of a site's notes.

handed in    what the site sent in its last round, added to what that round began with, as
whoever coordinates has it, where updates were kept (`[audit] keep_updates`)
global       the federated arm's adapter, which every site has: where no updates were kept, and
where noise was added to their sum alone
yardstick    where noise is in all of these, the adapter that was trained without it on the same
notes: the site's alone, or that of all notes in one place
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import Fault, InputError
from fedmedlora.experiment.arms import federated_arms
from fedmedlora.experiment.privacy import Mode
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.blind import local_model
from fedmedlora.federation.patches import model as readable


@dataclass(frozen=True, slots=True)
class Target:
    """One adapter that is attacked.

    Attributes:
        arm: Whose it is.
        what: Which adapter of the arm it is, in words.
        has_noise: Whether noise that is accounted for is in it.
        start: What the run began with.
        change: Of what was handed in, the update; elsewhere all that changed since the start.
    """

    arm: str
    what: str
    has_noise: bool
    start: AdapterWeights
    attacked: AdapterWeights
    change: AdapterWeights


def federated_arm(store: RunStore) -> str:
    """Return the finished arm that stands for a run.

    Raises:
        InputError: There is none.
    """
    arms = federated_arms([one for one in store.arms() if (store.arm(one) or {})["model"] == "own"])
    if not arms:
        found, expected = "no federated arm that is finished", "a run with one"
        raise InputError([Fault(str(store.folder), found, expected)])
    return arms[0]


def targets(
    site: str, arm: str, mode: Mode, store: RunStore, start: AdapterWeights
) -> list[Target]:
    """Return what of an arm is attacked to find a site's notes, and the yardstick beside it.

    Raises:
        ModelError: An adapter is missing.
    """
    kept = [one for one in store.rounds(arm) if site in one.get("updates", {})]
    found = [_handed_in(site, arm, mode, kept[-1], store, start)] if kept else []
    if not kept:
        what = "the global adapter of round {}, as no updates were kept"
        found.append(_chosen(arm, what, store, start, has_noise=mode != "none"))
    elif mode == "site":
        found.append(_chosen(arm, "the global adapter of round {}", store, start, has_noise=True))
    return [*found, *(_yardstick(site, store, start) if all(t.has_noise for t in found) else [])]


def _handed_in(
    site: str,
    arm: str,
    mode: Mode,
    last: Mapping[str, Any],
    store: RunStore,
    start: AdapterWeights,
) -> Target:
    before = store.adapters.get(last["before"])
    sizes = [before[name].size for name in before]
    most = {"most_values": max(sizes), "most_tensors": len(sizes)}
    change = dict(store.update(last["updates"][site], **most))
    attacked, what = local_model(before, change, None), f"its update of round {last['round']}"
    return Target(arm, what, mode == "record", start, attacked, change)


def _chosen(
    arm: str, what: str, store: RunStore, start: AdapterWeights, *, has_noise: bool
) -> Target:
    """Return the adapter that an arm came to; `what` has room for its round."""
    document = store.arm(arm) or {}
    attacked = readable(store.adapters.get(document["adapter"]))
    change = {name: attacked[name] - start[name] for name in start if name in attacked}
    return Target(arm, what.format(document["best_round"]), has_noise, start, attacked, change)


def _yardstick(site: str, store: RunStore, start: AdapterWeights) -> list[Target]:
    finished = store.arms()
    arms = [one for one in (f"single_site:{site}", "centralised") if one in finished]
    what = "the adapter of round {}"
    return [_chosen(arm, what, store, start, has_noise=False) for arm in arms[:1]]
