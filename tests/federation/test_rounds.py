import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedmedlora.adapters.files import encode, open_adapter, write_adapter
from fedmedlora.adapters.weights import AdapterWeights, subtract
from fedmedlora.errors import AggregationError, QuorumError
from fedmedlora.federation.rounds import (
    ServerState,
    aggregate,
    best_round,
    record_json,
    require_quorum,
    should_stop,
)
from fedmedlora.federation.strategies import strategy_by_name
from fedmedlora.federation.strategy import Strategy
from fedmedlora.federation.updates import Absence, SiteReport, SiteUpdate
from fedmedlora.federation.weighting import Weighting

A, B = "q.lora_A.weight", "q.lora_B.weight"


def strategy(name: str = "fed_medlora") -> Strategy:
    return strategy_by_name(name, weighting=Weighting(1.0, 2.0, 1.0))


def random_adapter(seed: int) -> AdapterWeights:
    """A layer from 5 to 3 of rank 2: no two axes agree."""
    rng = np.random.default_rng(seed)
    return {
        A: rng.normal(size=(2, 5)).astype(np.float32),
        B: rng.normal(size=(3, 2)).astype(np.float32),
    }


def one(value: float) -> AdapterWeights:
    return {"w": np.array([value], dtype=np.float32)}


def update(site: str, num_tokens: int, delta: AdapterWeights, round_index: int = 1) -> SiteUpdate:
    report = SiteReport(site, round_index, num_tokens, 0.1 * len(site), 0.25)
    return SiteUpdate(report, delta, base="b0", start="s0")


def test_the_new_adapter_is_the_average_of_the_local_ones_by_size() -> None:
    start = random_adapter(0)
    local = {"a": random_adapter(1), "b": random_adapter(2), "c": random_adapter(3)}
    num_tokens = {"a": 10, "b": 70, "c": 20}
    updates = [update(s, num_tokens[s], subtract(local[s], start)) for s in local]

    state, _ = aggregate(ServerState(0, start), updates, strategy())

    assert state.round_index == 1
    for name in (A, B):
        wide = {site: local[site][name].astype(np.float64) for site in local}
        expected = (10 * wide["a"] + 70 * wide["b"] + 20 * wide["c"]) / 100
        assert state.adapter[name].dtype == np.float32
        assert np.abs(state.adapter[name] - expected).max() < 1e-6


def test_by_hand_over_two_rounds() -> None:
    first = [update("a", 1, one(4.0)), update("b", 3, one(8.0))]
    second = [update("b", 5, one(-2.0), round_index=2)]

    state, _ = aggregate(ServerState(0, one(1.0)), first, strategy())
    state, record = aggregate(state, second, strategy())

    # 1 + (1 * 4 + 3 * 8) / 4 = 8;  8 + (-2) = 6
    assert state.adapter["w"].tolist() == [6.0]
    assert (state.round_index, record.round_index) == (2, 2)


def test_no_change_anywhere_is_a_fixed_point() -> None:
    start = random_adapter(0)
    nothing = subtract(start, start)

    state, _ = aggregate(
        ServerState(4, start), [update(s, 7, nothing, round_index=5) for s in "ab"], strategy()
    )

    assert encode(state.adapter) == encode(start)


def test_a_round_leaves_the_state_it_started_from_as_it_was() -> None:
    start = ServerState(0, random_adapter(0))
    before = encode(start.adapter)

    aggregate(start, [update("a", 7, random_adapter(1))], strategy())

    assert start.round_index == 0
    assert encode(start.adapter) == before


@pytest.mark.parametrize("name", ["fed_medlora", "fed_medlora_plus", "fed_medlora_plus_released"])
def test_order_of_arrival_does_not_change_a_bit(name: str) -> None:
    start = ServerState(0, random_adapter(0))
    updates = [update(f"site{'x' * i}", 10 + i, random_adapter(i)) for i in range(5)]
    absences = [Absence("y", "timed out"), Absence("x", "failed")]

    forwards, forwards_record = aggregate(start, updates, strategy(name), absences=absences)
    backwards, backwards_record = aggregate(
        start, updates[::-1], strategy(name), absences=absences[::-1]
    )

    assert encode(forwards.adapter) == encode(backwards.adapter)
    assert forwards_record == backwards_record


def test_files_give_the_same_bits_as_arrays(tmp_path: Path) -> None:
    start = random_adapter(0)
    arrays = [update(site, 10 + i, random_adapter(i)) for i, site in enumerate("abc")]
    files = [replace(u, delta=open_adapter(write_adapter(tmp_path, u.delta).path)) for u in arrays]
    lazy_start = open_adapter(write_adapter(tmp_path, start).path)

    from_arrays, _ = aggregate(ServerState(0, start), arrays, strategy())
    from_files, _ = aggregate(ServerState(0, lazy_start), files, strategy())

    assert encode(from_files.adapter) == encode(from_arrays.adapter)


def test_the_record_says_who_counted_how_much_and_why() -> None:
    delta = one(1.0)
    updates = [update("b", 300, delta), update("a", 100, delta)]

    _, record = aggregate(
        ServerState(0, delta), updates, strategy(), absences=[Absence("c", "timed out")]
    )

    assert record_json(record) == {
        "round": 1,
        "shares": pytest.approx({"a": 0.25, "b": 0.75}),
        # sizes 100 and 300, mean 200
        "factors": {
            "a": pytest.approx({"size": 0.5, "loss": 1.0, "shift": 1.0}),
            "b": pytest.approx({"size": 1.5, "loss": 1.0, "shift": 1.0}),
        },
        "reports": {
            "a": {"num_tokens": 100, "validation_loss": 0.1, "shift": 0.25, "start_loss": None},
            "b": {"num_tokens": 300, "validation_loss": 0.1, "shift": 0.25, "start_loss": None},
        },
        "absences": [{"site": "c", "code": "absent", "reason": "timed out"}],
    }


def test_a_record_survives_json() -> None:
    delta = one(1.0)
    _, record = aggregate(ServerState(0, delta), [update("a", 3, delta)], strategy())

    assert json.loads(json.dumps(record_json(record))) == record_json(record)


def test_an_update_of_another_round_is_an_error() -> None:
    replayed = update("a", 3, random_adapter(1), round_index=1)

    with pytest.raises(AggregationError, match="update of a: found round 1, expected 2"):
        aggregate(ServerState(1, random_adapter(0)), [replayed], strategy())


def test_a_round_without_updates_is_an_error() -> None:
    with pytest.raises(AggregationError, match="found no site"):
        aggregate(ServerState(0, random_adapter(0)), [], strategy())


def test_enough_updates_make_a_quorum() -> None:
    updates = [update(site, 1, {}) for site in "ab"]

    require_quorum(updates, [Absence("c", "timed out")], 2)


def test_too_few_updates_are_an_error_that_says_why_each_site_is_absent() -> None:
    absences = [Absence("b", "timed out after 60 s"), Absence("c", "loss is NaN")]

    with pytest.raises(QuorumError) as caught:
        require_quorum([update("a", 1, {})], absences, 2)

    message = str(caught.value)
    assert "found 1 usable updates, expected at least 2" in message
    assert "b: timed out after 60 s" in message
    assert "c: loss is NaN" in message


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([0.1, 0.5, 0.3], 2),
        ([0.5, 0.5, 0.4], 1),
        ([None, 0.0, None], 2),
        ([float("nan"), 0.2], 2),
        ([None, None], None),
        ([], None),
    ],
)
def test_the_earliest_round_with_the_best_score_wins(
    scores: list[float | None], best: int | None
) -> None:
    assert best_round(scores) == best


@pytest.mark.parametrize(
    ("scores", "stop"),
    [
        ([], False),
        ([0.5], False),
        ([0.5, 0.4], False),
        ([0.5, 0.4, 0.5], True),
        ([0.5, 0.4, 0.6], False),
        ([0.5, None, None], True),
        ([None, None, None], False),
    ],
)
def test_a_run_stops_when_two_rounds_brought_nothing_better(
    scores: list[float | None], stop: bool
) -> None:
    assert should_stop(scores, patience=2) is stop
