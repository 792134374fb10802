"""Which arms of an experiment are still to be run, in which order, and on whom each is scored."""

from collections.abc import Iterable, Mapping, Sequence

from fedmedlora.errors import Fault, InputError
from fedmedlora.evaluation.cohorts import OwnLora, SiteFacts
from fedmedlora.experiment.arms import Arm, planned_arms
from fedmedlora.experiment.baselines import ModelName
from fedmedlora.experiment.schema import Experiment
from fedmedlora.experiment.store import RunStore
from fedmedlora.sites import SiteRole


def all_arms(experiment: Experiment, facts: Mapping[str, SiteFacts]) -> list[Arm]:
    """Return every arm of the sites that have taken part, in the order in which they run."""
    own_lora = {site.name: site.own_lora for site in facts.values()}
    told = [(site.name, site.role) for site in facts.values()]
    return _of(experiment, told, own_lora)


def arms_of(experiment: Experiment, names: Sequence[str]) -> list[Arm]:
    """Return every arm of a run that has begun, in the order in which they run.

    Args:
        names: Of the sites, in the order in which the run has them.
    """
    entries = {site.name: site for site in experiment.sites if site.name in names}
    if not experiment.sites_elsewhere():
        entries = dict(zip(names, experiment.sites, strict=True))
    # Between hospitals the server's notes have a name that the experiment does not give.
    told = [(name, entries[name]) for name in names if name in entries]
    own_lora = {name: OwnLora(entry.lora_rank, entry.lora_alpha) for name, entry in told}
    return _of(experiment, [(name, entry.role) for name, entry in told], own_lora)


def missing_arms(
    experiment: Experiment,
    store: RunStore,
    facts: Mapping[str, SiteFacts],
    *,
    only: Sequence[str] | None = None,
) -> list[Arm]:
    """Return the arms that are still to be run, or scored on a site that joined late, in order.

    Raises:
        InputError: An arm starts from one that is neither finished nor to be run.
    """
    finished = set(store.arms())
    missing = [
        arm
        for arm in all_arms(experiment, facts)
        if (arm.name not in finished or _late(arm, store, facts))
        and (only is None or arm.name.partition(":")[0] in only)
    ]
    possible = finished | {arm.name for arm in missing} | {None}
    if stranded := [arm for arm in missing if arm.start not in possible]:
        raise InputError([_stranded(arm) for arm in stranded])
    return missing


def models_to_open(
    experiment: Experiment,
    store: RunStore,
    facts: Mapping[str, SiteFacts],
    *,
    only: Sequence[str] | None = None,
) -> list[ModelName]:
    """Return the models that missing arms use, the experiment's own first.

    A run's first model is its own, even where no arm of it is missing: what the sites are is told
    by it.
    """
    used: list[ModelName] = [arm.model for arm in missing_arms(experiment, store, facts, only=only)]
    first: list[ModelName] = ["own"] if store.meta("sites") is None else []
    return list(dict.fromkeys([*first, *used]))


def scored_on(arm: Arm, facts: Mapping[str, SiteFacts]) -> list[SiteFacts]:
    """Return the sites an arm is scored on: a new site's own arms are scored there alone."""
    roles = ("new_site",) if arm.kind == "new_site" else ("train", "external", "new_site")
    return [site for site in facts.values() if site.role in roles]


def position_of(arm: Arm, experiment: Experiment, facts: Mapping[str, SiteFacts]) -> int:
    """Return an arm's place among all that the experiment may come to have."""
    told = [(site.name, site.role) for site in facts.values()]
    # Between hospitals one may not be there yet, or no longer.
    named = [(site.name or "", site.role) for site in experiment.sites]
    everyone = named if experiment.sites_elsewhere() else told
    return [one.name for one in _of(experiment, everyone, {})].index(arm.name)


def _late(arm: Arm, store: RunStore, facts: Mapping[str, SiteFacts]) -> list[str]:
    """Return the sites that joined after an arm was scored."""
    scored = (store.meta("scored") or {}).get(arm.name, facts)
    return [site.name for site in scored_on(arm, facts) if site.name not in scored]


def _stranded(arm: Arm) -> Fault:
    found = f"{arm.name.partition(':')[0]} without {arm.start}"
    return Fault("--arms", found, "the arm it starts from", f"run {arm.start} too, or first")


def _of(
    experiment: Experiment, sites: Iterable[tuple[str, SiteRole]], own_lora: Mapping[str, OwnLora]
) -> list[Arm]:
    named = [*sites]
    return planned_arms(
        experiment,
        training_sites=[name for name, role in named if role == "train"],
        new_sites=[name for name, role in named if role == "new_site"],
        own_lora=own_lora,
    )
