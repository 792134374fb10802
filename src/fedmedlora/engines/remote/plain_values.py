"""Plans, scopes and facts as plain values for JSON, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar, get_args

from fedmedlora.clinical.notes import Labels
from fedmedlora.evaluation.cohorts import OwnLora, SiteFacts
from fedmedlora.federation.backbone import ChosenMethod, LocalPlan
from fedmedlora.federation.clipping import Limits
from fedmedlora.federation.engine import Scope
from fedmedlora.federation.private_plan import PrivatePlan
from fedmedlora.federation.strategies import methods
from fedmedlora.sites import SiteRole

Plain = Mapping[str, Any]

T = TypeVar("T")

_USES = ("train", "held_out", "dev", "final")


@dataclass(frozen=True, slots=True)
class ToldFacts:
    """What a site that is elsewhere says of its part; see `SiteFacts`."""

    name: str
    role: SiteRole
    labels: Labels
    public: bool
    num_notes: Mapping[str, int]
    final_split: str
    sha256: str
    own_lora: OwnLora


def facts_to_json(facts: SiteFacts) -> Plain:
    """Return a site's facts as plain values."""
    return {
        "name": facts.name,
        "role": facts.role,
        **facts.labels.told(),
        "public": facts.public,
        "num_notes": dict(facts.num_notes),
        "final_split": facts.final_split,
        "sha256": facts.sha256,
        "own_lora": [facts.own_lora.rank, facts.own_lora.alpha],
    }


def facts_from_json(value: Plain) -> ToldFacts:
    """Return the facts that `facts_to_json` wrote; what else a value holds is left out.

    Raises:
        KeyError: Something is missing.
        TypeError: Something is of another shape.
        ValueError: Something is of another shape.
    """
    rank, alpha = value["own_lora"]
    return ToldFacts(
        name=str(value["name"]),
        role=_one_of(get_args(SiteRole), value["role"]),
        labels=Labels(
            _words(value["entities"]),
            _words(value["relations"]),
            # Those who have none need not say so.
            _words(value.get("heads", [])),
        ),
        public=value["public"] is True,
        num_notes={use: int(value["num_notes"][use]) for use in _USES},
        final_split=_one_of(("test", "dev"), value["final_split"]),
        sha256=str(value["sha256"]),
        own_lora=OwnLora(_count(rank), _count(alpha)),
    )


def plan_to_json(plan: LocalPlan) -> Plain:
    """Return a plan as plain values; a method goes by its name and its numbers."""
    return asdict(plan)


def plan_from_json(value: Plain) -> LocalPlan:
    """Return the plan that `plan_to_json` wrote."""
    name, own = value["method"]["name"], value["method"]["own"]
    chosen = ChosenMethod(name, None if own is None else methods()[name].settings(**own))
    private = None if value["private"] is None else PrivatePlan(**value["private"])
    limits = None if value["limits"] is None else Limits(**value["limits"])
    return LocalPlan(**{**value, "method": chosen, "private": private, "limits": limits})


def scope_to_json(scope: Scope) -> Plain:
    """Return a scope as plain values."""
    return {**asdict(scope), "parts": list(scope.parts)}


def scope_from_json(value: Plain) -> Scope:
    """Return the scope that `scope_to_json` wrote."""
    return Scope(**{**value, "parts": tuple(value["parts"])})


def _one_of(words: Sequence[T], value: T) -> T:
    return words[words.index(value)]


def _words(value: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(word) for word in value)


def _count(value: Any) -> int | None:  # noqa: ANN401 -- whatever a site says
    return None if value is None else int(value)
