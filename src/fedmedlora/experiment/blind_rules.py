"""Settings that cannot stand beside a server that sees the sum alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from fedmedlora.errors import Fault
from fedmedlora.experiment.schema import FEDERATED_ARMS
from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.strategy import Strategy
from fedmedlora.federation.weighting import Weighting

_SUM = 'sees = "sum"'
_Sites = Sequence[Mapping[str, Any]]


def not_a_sum(arms: Sequence[str], sees: str) -> list[Fault]:
    """Refuse arms whose rule needs single updates."""
    if sees != "sum":
        return []
    expected = f"with {_SUM} what needs the weighted sum of the updates alone"
    reasons = {arm: reason for arm in arms if (reason := _beyond_a_sum(arm))}
    return [
        Fault("[experiment].arms", f"{arm!r}, {reason}", expected, "leave it out, or see updates")
        for arm, reason in reasons.items()
    ]


def scored_by_others(arms: Sequence[str], sees: str, validation: str) -> list[Fault]:
    """Refuse scoring of single adapters by whoever must not see them, and its counterpart."""
    where = "[aggregation].validation"
    scored = [arm for arm in arms if arm in FEDERATED_ARMS and "validation_loss" in _needs(arm)]
    if sees == "sum" and validation != "own" and scored:
        found = f"{validation!r} for {', '.join(scored)}, with {_SUM}"
        advice = "each site then scores its own adapter, on a copy of the server's notes"
        return [Fault(where, found, "'own'", advice)]
    if sees == "updates" and validation == "own":
        advice = "who sees all updates scores them itself"
        return [Fault(where, "'own' with sees = \"updates\"", "'server' or 'peers'", advice)]
    return []


def copies_unpinned(engine: str, validation: str, holdout: float, sites: _Sites) -> list[Fault]:
    """Refuse validation notes of which not every site can hold the same copy."""
    if validation != "own":
        return []
    faults = []
    if holdout:
        advice = 'put them in a folder of their own, role = "server"'
        where = "[aggregation].validation_holdout"
        faults.append(Fault(where, f"{holdout}", "0, as each site holds a copy", advice))
    servers = [index for index, site in enumerate(sites) if site["role"] == "server"]
    faults += [
        Fault(f"[[sites]][{index}].sha256", "nothing", "the digest that pins every site's copy")
        for index in servers
        if engine != "local" and sites[index]["sha256"] is None
    ]
    return faults


def hidden_by_none(sees: str, mode: str) -> list[Fault]:
    """Refuse noise that hides a site where nobody can scale its update down to what it hides."""
    if sees != "sum" or mode != "site":
        return []
    advice = "each site then adds its own noise"
    return [Fault("[privacy].mode", f"'site' with {_SUM}", "'record' or 'none'", advice)]


def coded_sum(sees: str, codec: str) -> list[Fault]:
    """Refuse a codec: what is encrypted is the change itself, and a sum of codes is none."""
    if sees != "sum" or codec == "float32":
        return []
    advice = "an encrypted update is as large whatever was cut off before"
    return [Fault("[communication].codec", f"{codec!r} with {_SUM}", "'float32'", advice)]


def audit_of_nothing(sees: str, audit_rate: float) -> list[Fault]:
    """Refuse audits where all updates are seen anyway."""
    if sees == "sum" or not audit_rate:
        return []
    return [Fault("[aggregation].audit_rate", f"{audit_rate}", f"0, or {_SUM}")]


def _beyond_a_sum(arm: str) -> str:
    if arm == "bert":
        return "whose whole model travels"
    if arm not in FEDERATED_ARMS:
        return ""
    rule = _rule(arm)
    if rule.local.companions:
        return f"whose sites send {', '.join(rule.local.companions)} beside the change"
    return "" if rule.is_linear else "whose rule reads each update"


def _needs(arm: str) -> frozenset[str]:
    return frozenset(_rule(arm).needs)


def _rule(arm: str) -> Strategy:
    return strategy_by_name(arm, weighting=Weighting(1.0, 1.0, 1.0))
