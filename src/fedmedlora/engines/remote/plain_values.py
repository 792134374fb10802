"""Plans, scopes and facts as plain values for JSON, and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fedmedlora.clinical.notes import Labels
from fedmedlora.evaluation.cohorts import OwnLora, SiteFacts
from fedmedlora.federation.backbone import ChosenMethod, LocalPlan
from fedmedlora.federation.engine import Scope
from fedmedlora.federation.strategies import methods
from fedmedlora.sites import SiteRole

Plain = Mapping[str, Any]


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
        "entities": list(facts.labels.entities),
        "relations": list(facts.labels.relations),
        "public": facts.public,
        "num_notes": dict(facts.num_notes),
        "final_split": facts.final_split,
        "sha256": facts.sha256,
        "own_lora": [facts.own_lora.rank, facts.own_lora.alpha],
    }


def facts_from_json(value: Plain) -> ToldFacts:
    """Return the facts that `facts_to_json` wrote."""
    rest = {key: value[key] for key in value if key not in ("entities", "relations", "own_lora")}
    labels = Labels(tuple(value["entities"]), tuple(value["relations"]))
    return ToldFacts(**rest, labels=labels, own_lora=OwnLora(*value["own_lora"]))


def plan_to_json(plan: LocalPlan) -> Plain:
    """Return a plan as plain values; a method goes by its name and its numbers."""
    return asdict(plan)


def plan_from_json(value: Plain) -> LocalPlan:
    """Return the plan that `plan_to_json` wrote."""
    name, own = value["method"]["name"], value["method"]["own"]
    chosen = ChosenMethod(name, None if own is None else methods()[name].settings(**own))
    return LocalPlan(**{**value, "method": chosen})


def scope_to_json(scope: Scope) -> Plain:
    """Return a scope as plain values."""
    return {**asdict(scope), "parts": list(scope.parts)}


def scope_from_json(value: Plain) -> Scope:
    """Return the scope that `scope_to_json` wrote."""
    return Scope(**{**value, "parts": tuple(value["parts"])})
