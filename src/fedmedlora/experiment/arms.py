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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from fedmedlora.evaluation.cohorts import OwnLora
from fedmedlora.experiment.baselines import FEW_SHOT_ARMS, MODEL_OF, PROMPTED_ARMS, ModelName
from fedmedlora.experiment.schema import (
    ARM_NAMES,
    FEDERATED_ARMS,
    PERSONAL_ARMS,
    Experiment,
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
        watched: Sites whose dev notes are scored after each round and choose nothing.
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
    watched: tuple[str, ...] = ()

    @property
    def is_together(self) -> bool:
        """Return whether sites hand in to a server; whoever is alone sends nothing anywhere."""
        return len(self.participants) > 1


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
    plan = _Plan(experiment, tuple(training_sites), tuple(new_sites), own_lora or {})
    names = sorted(experiment.arms, key=ARM_NAMES.index)
    return [arm for name in names for arm in _FAMILIES[name](plan, name)]


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


@dataclass(frozen=True, slots=True)
class _Plan:
    """What arms are made of."""

    experiment: Experiment
    trained: tuple[str, ...]
    new_sites: tuple[str, ...]
    own_lora: Mapping[str, OwnLora]

    def alone(self, site: str) -> Participant:
        """Return a site by itself, with the form of its own adapter."""
        lora, own = self.experiment.model.lora, self.own_lora.get(site, OwnLora())
        rank, alpha = own.rank or lora.rank, own.alpha or lora.alpha
        scaling = (alpha / rank) / (lora.alpha / lora.rank)
        return Participant(site, (site,), None if rank == lora.rank else rank, scaling)

    def everyone(self) -> tuple[Participant, ...]:
        """Return every training site."""
        return tuple(map(self.alone, self.trained))


def _zero_shot(plan: _Plan, name: str) -> list[Arm]:
    return [_arm(plan.experiment, name, "zero_shot", (), (), rounds=0)]


def _prompted(plan: _Plan, name: str) -> list[Arm]:
    arm = _arm(plan.experiment, name, "prompted", (), (), rounds=0)
    shown = plan.experiment.few_shot.examples if name in FEW_SHOT_ARMS else 0
    return [replace(arm, model=MODEL_OF[name], num_shown=shown)]


def _single_sites(plan: _Plan, name: str) -> list[Arm]:
    return [
        _arm(plan.experiment, f"{name}:{site}", "single_site", (plan.alone(site),), (site,))
        for site in plan.trained
    ]


def _centralised(plan: _Plan, name: str) -> list[Arm]:
    pooled = (Participant(name, plan.trained),)
    return [_arm(plan.experiment, name, "centralised", pooled, plan.trained)]


def _federated(plan: _Plan, name: str) -> list[Arm]:
    return [_arm(plan.experiment, name, "federated", plan.everyone(), plan.trained)]


def _whole(plan: _Plan, name: str) -> list[Arm]:
    # Ranks are the adapter's; here all weights travel.
    everyone = tuple(Participant(site, (site,)) for site in plan.trained)
    arm = _arm(plan.experiment, name, "federated", everyone, plan.trained)
    return [replace(arm, model=MODEL_OF[name])]


def _personalised(plan: _Plan, name: str) -> list[Arm]:
    rounds, start = plan.experiment.personal_rounds, preferred_arm(plan.experiment)
    everyone = plan.everyone()
    return [_arm(plan.experiment, name, "personalised", everyone, (), rounds=rounds, start=start)]


def _local_only(plan: _Plan, name: str) -> list[Arm]:
    return [_at_new_site(plan, name, site, (), start=None) for site in plan.new_sites]


def _adapted(plan: _Plan, name: str) -> list[Arm]:
    start = preferred_arm(plan.experiment)
    return [_at_new_site(plan, name, site, (), start=start) for site in plan.new_sites]


def _joined(plan: _Plan, name: str) -> list[Arm]:
    start, others = preferred_arm(plan.experiment), plan.everyone()
    return [_at_new_site(plan, name, site, others, start=start) for site in plan.new_sites]


def _at_new_site(
    plan: _Plan, name: str, site: str, others: tuple[Participant, ...], *, start: str | None
) -> Arm:
    arm = _arm(
        plan.experiment,
        f"{name}:{site}",
        "new_site",
        (*others, plan.alone(site)),
        (),
        rounds=plan.experiment.new_site_rounds,
        start=start,
    )
    return replace(arm, watched=(site,))


_FAMILIES: Mapping[str, Callable[[_Plan, str], list[Arm]]] = {
    "zero_shot": _zero_shot,
    "single_site": _single_sites,
    "centralised": _centralised,
    "bert": _whole,
    "local_only": _local_only,
    "adapted": _adapted,
    "joined": _joined,
    **dict.fromkeys(PROMPTED_ARMS, _prompted),
    **dict.fromkeys(FEDERATED_ARMS, _federated),
    **dict.fromkeys(PERSONAL_ARMS, _personalised),
}


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
