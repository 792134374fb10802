"""A round as a pure function: state, updates and strategy in, next state and a record out.

Nothing here reads a clock, a disk or a network, so a run is a loop over `aggregate` that can be
stopped and resumed anywhere.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fedmedlora.adapters.kinds import plain
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AggregationError, QuorumError
from fedmedlora.federation.patches import model
from fedmedlora.federation.strategy import Memory, Round, Strategy, Total, in_the_open
from fedmedlora.federation.updates import Absence, SiteReport, SiteUpdate


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the server carries from round to round.

    Attributes:
        round_index: Rounds that are closed; 0 before the first.
        adapter: The global adapter after them, and what accompanies it.
        memory: What the strategy keeps beside it.
    """

    round_index: int
    adapter: AdapterWeights
    memory: Memory = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AggregationRecord:
    """What happened in one round, without any weight of the model.

    Attributes:
        round_index: The round, from 1.
        shares: Site to its share; sum 1.
        factors: Site to what size, loss and shift contributed, each with mean 1 over the sites.
        reports: What the admitted sites reported, in site-name order.
        absences: Every site that did not take part and every refused update, by site name.
    """

    round_index: int
    shares: Mapping[str, float]
    factors: Mapping[str, Mapping[str, float]]
    reports: tuple[SiteReport, ...]
    absences: tuple[Absence, ...]


def aggregate(
    state: ServerState,
    updates: Sequence[SiteUpdate],
    strategy: Strategy,
    *,
    absences: Sequence[Absence] = (),
    total: Total = in_the_open,
) -> tuple[ServerState, AggregationRecord]:
    """Return the state after a round and the record of it.

    Args:
        state: Where the round starts.
        updates: Admitted updates of round `state.round_index + 1`, in any order.
        strategy: The aggregation rule.
        absences: Who did not take part, for the record.
        total: What makes the sum of the updates; they need not be readable where it does not.

    Raises:
        AggregationError: The updates are of another round, or cannot be weighed or combined.
    """
    round_index = state.round_index + 1
    reports = tuple(sorted((update.report for update in updates), key=lambda r: r.site))
    for report in reports:
        if report.round_index != round_index:
            raise AggregationError(
                f"update of {report.site}: found round {report.round_index}, "
                f"expected {round_index}; admit updates before they are aggregated"
            )
    weighed = strategy.weigh(state.memory, reports)
    names = {report.site for report in reports} | {absence.site for absence in absences}
    combined = strategy.combine(Round(state.adapter, updates, weighed.shares, len(names), total))
    record = AggregationRecord(
        round_index=round_index,
        shares=combined.shares or weighed.shares,
        factors=weighed.factors,
        reports=reports,
        absences=tuple(sorted(absences, key=lambda absence: (absence.site, absence.reason))),
    )
    start = strategy.local.shared(plain(state.adapter), round_index)
    stepped, memory = strategy.step(state.memory, start, combined.delta)
    adapter = {**model(state.adapter), **stepped, **combined.companions}
    return ServerState(round_index, adapter, {**memory, **weighed.remembered}), record


def record_json(record: AggregationRecord) -> dict[str, Any]:
    """Return a record as plain values for JSON."""
    return {
        "round": record.round_index,
        "shares": dict(record.shares),
        "factors": {site: dict(parts) for site, parts in record.factors.items()},
        "reports": {
            report.site: {
                "num_tokens": report.num_tokens,
                "validation_loss": report.validation_loss,
                "shift": report.shift,
                "start_loss": report.start_loss,
            }
            for report in record.reports
        },
        "absences": [{"site": a.site, "code": a.code, "reason": a.reason} for a in record.absences],
    }


def require_quorum(updates: Sequence[SiteUpdate], absences: Sequence[Absence], quorum: int) -> None:
    """Let a round pass that has enough usable updates.

    Raises:
        QuorumError: There are fewer than the quorum; the message says why each site is absent.
    """
    if len(updates) >= quorum:
        return
    reasons = "".join(f"\n  {absence.site}: {absence.reason}" for absence in absences)
    raise QuorumError(
        f"round: found {len(updates)} usable updates, expected at least {quorum}; "
        f"mend the absent sites and resume, or lower the quorum{reasons}"
    )


def best_round(scores: Sequence[float | None]) -> int | None:
    """Return the earliest round with the best score, from 1, or None if no score is defined."""
    defined = [(score, -i) for i, score in enumerate(scores, start=1) if _is_defined(score)]
    return -max(defined)[1] if defined else None


def should_stop(scores: Sequence[float | None], *, patience: int) -> bool:
    """Return whether the last `patience` rounds brought nothing better than before them.

    Where no score is defined at all nothing speaks for stopping.
    """
    best = best_round(scores)
    return best is not None and len(scores) - best >= patience


def _is_defined(score: float | None) -> bool:
    return score is not None and not math.isnan(score)
