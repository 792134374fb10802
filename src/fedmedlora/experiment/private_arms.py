"""Which arms of an experiment train in private, and what their sites are told.

Arms whose adapters leave a site do. Models of one site, all notes in one place and the baselines
are yardsticks of one machine, without noise, and are told to be.
"""

from fedmedlora.experiment.arms import Arm
from fedmedlora.experiment.schema import FEDERATED_ARMS, PERSONAL_ARMS, Experiment
from fedmedlora.federation.private_plan import PrivatePlan

TOGETHER = ("federated", "personalised", "new_site")
"""Kinds of arms whose adapters leave a site; with the experiment's own model they are private."""


def is_private(arm: Arm) -> bool:
    """Return whether an arm trains in private where an experiment does."""
    return arm.model == "own" and arm.kind in TOGETHER


def private_plan(experiment: Experiment, arm: Arm, site: str) -> PrivatePlan | None:
    """Return what a site's training in an arm must keep; None where it trains without."""
    privacy = experiment.privacy
    if privacy.mode != "record" or not is_private(arm):
        return None
    is_new = arm.kind == "new_site" and arm.name.partition(":")[2] == site
    return PrivatePlan(
        run=experiment.name,
        arm=arm.name,
        unit=privacy.unit,
        clip=privacy.clip,
        units_a_step=privacy.units_a_step,
        steps=privacy.steps,
        run_steps=run_steps(experiment, is_new=is_new),
        delta=privacy.delta,
        epsilon=privacy.epsilon,
        noise_multiplier=privacy.noise_multiplier,
    )


def run_steps(experiment: Experiment, *, is_new: bool) -> int:
    """Return over how many steps of a site the noise of an epsilon is drawn.

    Args:
        is_new: Whether the site comes when the federation is done.
    """
    return experiment.privacy.steps * num_private_rounds(experiment, is_new=is_new)


def num_private_rounds(experiment: Experiment, *, is_new: bool) -> int:
    """Return in how many rounds of all arms a site trains in private.

    Args:
        is_new: Whether the site comes when the federation is done.
    """
    arms, new_rounds = experiment.arms, experiment.new_site_rounds
    if is_new:
        return new_rounds * sum(arm in arms for arm in ("local_only", "adapted", "joined"))
    federated = sum(arm in FEDERATED_ARMS for arm in arms)
    personal = sum(arm in PERSONAL_ARMS for arm in arms)
    joined = len(experiment.sites_of("new_site")) if "joined" in arms else 0
    return (
        experiment.rounds * federated + experiment.personal_rounds * personal + new_rounds * joined
    )
