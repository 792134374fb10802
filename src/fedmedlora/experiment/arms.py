"""The arms of an experiment: every one of them is a federation.

    single_site:<site>     one participant, the site alone
    centralised            one participant that holds every training site's notes
    fed_medlora ...        every training site a participant
    personalised           every training site goes on alone, from the federation's best adapter
    local_only:<site>      the new site alone, from the common start
    adapted:<site>         the new site alone, from the federation's best adapter
    joined:<site>          the new site and all others, from the federation's best adapter
    bert                   every training site a participant, another model, all of its weights
    zero_shot              no round at all; so few_shot and those that ask an endpoint

So all arms share one loop, one learning-rate schedule and one way to stop and resume, and pass
over every note equally often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from fedmedlora.evaluation.cohorts import OwnLora
from fedmedlora.experiment.baselines import FEW_SHOT_ARMS, MODEL_OF, PROMPTED_ARMS, ModelName
from fedmedlora.experiment.schema import (
    ARM_NAMES,
    FEDERATED_ARMS,
    PERSONAL_ARMS,
    Experiment,
    Lora,
)
from fedmedlora.federation.backbone import ChosenMethod
from fedmedlora.federation.engine import Participant
from fedmedlora.federation.local_rule import UNCHANGED
from fedmedlora.federation.strategies import methods, strategy_by_name
from fedmedlora.federation.strategy import Strategy

ArmKind = Literal[
    "zero_shot", "prompted", "single_site", "centralised", "federated", "personalised", "new_site"
]


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of a run.

    Attributes:
        participants: Who trains in every round.
        chosen_on: Sites whose dev notes choose the best round; none means the last round stands.
        rounds: Rounds at most.
        start: The arm whose best adapter this one starts from; None is the common start.
        local_method: What the sites are told of the strategy; arms whose sites train alike are told
            alike.
        model: Which model it uses.
        num_shown: Windows with their answers that the model is shown before each question.
    """

    name: str
    kind: ArmKind
    strategy: Strategy
    participants: tuple[Participant, ...]
    chosen_on: tuple[str, ...]
    rounds: int
    start: str | None = None
    local_method: ChosenMethod = field(default_factory=ChosenMethod)
    model: ModelName = "own"
    num_shown: int = 0


def planned_arms(
    experiment: Experiment,
    *,
    training_sites: Sequence[str],
    new_sites: Sequence[str],
    own_lora: Mapping[str, OwnLora] | None = None,
) -> list[Arm]:
    """Return an experiment's arms in the order in which they run.

    Args:
        own_lora: Site to its own LoRA rank and alpha, where it has such.
    """
    trained = tuple(training_sites)
    alone = partial(_alone, lora=experiment.model.lora, own_lora=own_lora or {})
    arms: list[Arm] = []
    for name in sorted(experiment.arms, key=ARM_NAMES.index):
        if name == "zero_shot":
            arms.append(_arm(experiment, name, "zero_shot", (), (), rounds=0))
        elif name == "single_site":
            arms += [
                _arm(experiment, f"{name}:{site}", "single_site", (alone(site),), (site,))
                for site in trained
            ]
        elif name == "centralised":
            pooled = (Participant(name, trained),)
            arms.append(_arm(experiment, name, "centralised", pooled, trained))
        elif name in PROMPTED_ARMS:
            arms.append(_prompted(experiment, name))
        elif name == "bert":
            # Ranks are the adapter's; here all weights travel.
            everyone = tuple(Participant(site, (site,)) for site in trained)
            arm = _arm(experiment, name, "federated", everyone, trained)
            arms.append(replace(arm, model=MODEL_OF[name]))
        elif name in FEDERATED_ARMS:
            everyone = tuple(alone(site) for site in trained)
            arms.append(_arm(experiment, name, "federated", everyone, trained))
        elif name in PERSONAL_ARMS:
            everyone = tuple(alone(site) for site in trained)
            rounds, start = experiment.personal_rounds, preferred_arm(experiment)
            arms.append(
                _arm(experiment, name, "personalised", everyone, (), rounds=rounds, start=start)
            )
        else:
            others = [alone(site) for site in trained] if name == "joined" else []
            arms += [
                _new_site_arm(experiment, name, site, (*others, alone(site))) for site in new_sites
            ]
    return arms


PREFERENCE = (
    "fed_medlora_plus",
    "fed_medlora",
    "fed_medlora_plus_released",
)
"""Which federated arm stands for a run, the first choice first; then the order of their names."""


def preferred_arm(experiment: Experiment) -> str | None:
    """Return the federated arm that new sites start from and the report draws, None without one."""
    return next(iter(federated_arms(experiment.arms)), None)


def federated_arms(names: Sequence[str]) -> list[str]:
    """Return the federated arms among some arms, the one that stands for a run first."""
    ordered = dict.fromkeys((*PREFERENCE, *FEDERATED_ARMS))
    return [arm for arm in ordered if arm in names]


def _alone(site: str, *, lora: Lora, own_lora: Mapping[str, OwnLora]) -> Participant:
    own = own_lora.get(site, OwnLora())
    rank, alpha = own.rank or lora.rank, own.alpha or lora.alpha
    scaling = (alpha / rank) / (lora.alpha / lora.rank)
    return Participant(site, (site,), None if rank == lora.rank else rank, scaling)


def _prompted(experiment: Experiment, name: str) -> Arm:
    arm = _arm(experiment, name, "prompted", (), (), rounds=0)
    shown = experiment.few_shot.examples if name in FEW_SHOT_ARMS else 0
    return replace(arm, model=MODEL_OF[name], num_shown=shown)


def _new_site_arm(
    experiment: Experiment, name: str, site: str, participants: tuple[Participant, ...]
) -> Arm:
    return _arm(
        experiment,
        f"{name}:{site}",
        "new_site",
        participants,
        (),
        rounds=experiment.new_site_rounds,
        start=None if name == "local_only" else preferred_arm(experiment),
    )


def _arm(
    experiment: Experiment,
    name: str,
    kind: ArmKind,
    participants: tuple[Participant, ...],
    chosen_on: tuple[str, ...],
    *,
    rounds: int | None = None,
    start: str | None = None,
) -> Arm:
    weighting = experiment.aggregation.weighting()
    alone = len(participants) == 1
    # A joined arm goes on with the rule of the arm it starts from; one participant needs no rule.
    rule = name if name in methods() else (None if alone else start) or "fed_medlora"
    if alone:
        # A limit on shares would leave nobody who could have the rest.
        weighting = replace(weighting, max_share=1.0)
    own = getattr(experiment.methods, rule)
    strategy = strategy_by_name(rule, own, weighting=weighting)
    alike = strategy.local == UNCHANGED
    return Arm(
        name,
        kind,
        strategy,
        participants,
        chosen_on,
        experiment.rounds if rounds is None else rounds,
        start,
        ChosenMethod() if alike else ChosenMethod(rule, own),
    )
