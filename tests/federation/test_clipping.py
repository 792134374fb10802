import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.clipping import (
    Clip,
    Clipped,
    Limits,
    accepted_norms,
    clipped,
    clipping_json,
)
from fedmedlora.federation.updates import SiteReport, SiteUpdate

A, B, CONTROL = "q.lora_A.weight", "q.lora_B.weight", "control/q.lora_A.weight"
LIMITS = Limits(norm_factor=3.0, largest_rms=100.0)


def update(site: str, delta: Mapping[str, Sequence[float]]) -> SiteUpdate:
    tensors = {name: np.array([values], np.float32) for name, values in delta.items()}
    return SiteUpdate(SiteReport(site, 1, 10, None, None), tensors, "b", "s")


def of_norms(**norms: float) -> list[SiteUpdate]:
    """Return updates of those norms, in the proportions 3 and 4."""
    return [update(site, {A: [0.6 * norm], B: [0.8 * norm]}) for site, norm in norms.items()]


def clip(
    updates: Sequence[SiteUpdate],
    accepted: Sequence[float] = (),
    *,
    limits: Limits = LIMITS,
    scalings: Mapping[str, float] | None = None,
) -> Clipped:
    before = {"adapter": accepted}
    return clipped(updates, limits, accepted=before, scalings=scalings or {})


def values(delta: AdapterWeights) -> dict[str, list[float]]:
    return {name: [round(float(x), 5) for x in delta[name].ravel()] for name in delta}


def test_an_update_within_the_bounds_is_passed_on_as_it_came() -> None:
    updates = of_norms(a=5.0, b=1.0)

    found = clip(updates, [2.0, 4.0])

    # 3 * the median of 2 and 4
    assert found.bounds == {"adapter": pytest.approx(9.0)}
    assert found.clips == ()
    assert [found.updates[index] is updates[index] for index in (0, 1)] == [True, True]


def test_one_that_goes_too_far_is_scaled_down_to_the_bound_in_its_direction() -> None:
    found = clip(of_norms(a=30.0, b=1.0), [2.0, 1.0, 5.0])

    # 3 * 2
    (told,) = found.clips
    assert (told.site, told.kind) == ("a", "adapter")
    assert [told.norm, told.bound] == pytest.approx([30, 6])
    # A fifth of 18 and 24.
    assert values(found.updates[0].delta) == {A: [3.6], B: [4.8]}
    assert values(found.updates[1].delta) == {A: [0.6], B: [0.8]}
    assert found.norms["a"] == {"adapter": pytest.approx(30)}


def test_in_the_first_round_only_the_absolute_limit_counts() -> None:
    found = clip(of_norms(a=1000.0, b=1.0), limits=Limits(3.0, 10.0))

    # 10 * the root of two values.
    assert found.bounds == {"adapter": pytest.approx(10 * math.sqrt(2))}
    assert [one.site for one in found.clips] == ["a"]


def test_the_absolute_limit_counts_in_every_round() -> None:
    found = clip(of_norms(a=40.0), [100.0], limits=Limits(3.0, 10.0))

    assert found.bounds == {"adapter": pytest.approx(10 * math.sqrt(2))}


@pytest.mark.parametrize(
    ("now", "bound"),
    [
        # The lower median of this round, 5, where it is larger than that of before.
        ((4.0, 5.0, 6.0, 90.0), 15.0),
        # Half of the sites cannot raise it.
        ((1.0, 2.0, 90.0, 90.0), 6.0),
        # More than half of them can, to three times as much.
        ((1.0, 90.0, 90.0), 18.0),
        # Nobody can lower it.
        ((0.0, 0.0, 0.0), 6.0),
    ],
)
def test_what_most_sites_do_together_is_let_in_up_to_a_limit(
    now: Sequence[float], bound: float
) -> None:
    found = clip(of_norms(**{f"s{i}": norm for i, norm in enumerate(now)}), [2.0])

    assert found.bounds == {"adapter": pytest.approx(bound)}


def test_rounds_in_which_nothing_moved_tell_nothing() -> None:
    found = clip(of_norms(a=5.0), [0.0, 0.0])

    assert found.bounds == {"adapter": pytest.approx(100 * math.sqrt(2))}


def test_companions_are_measured_and_scaled_apart_with_the_square_of_the_factor() -> None:
    sent = update("a", {A: [1.0], CONTROL: [1000.0]})

    found = clipped([sent], LIMITS, accepted={"adapter": [1.0], "control": [1.0] * 3}, scalings={})

    # 9 times 3 times 1 before; this round's, 1000, lets in 9 times as much.
    assert found.bounds == {"adapter": pytest.approx(3.0), "control": pytest.approx(81.0)}
    assert values(found.updates[0].delta) == {A: [1.0], CONTROL: [81.0]}
    assert found.updates[0].delta[A] is sent.delta[A]


def test_b_is_measured_in_the_site_s_own_scaling() -> None:
    # Under four times the federation's alpha / rank, what B learns counts four times.
    found = clip([update("a", {A: [3.0], B: [16.0]})], [5.0], scalings={"a": 4.0})

    assert found.norms == {"a": {"adapter": pytest.approx(5.0)}}


def test_an_update_of_nothing_has_no_norm() -> None:
    found = clip([update("a", {})])

    assert (found.norms, found.bounds) == ({"a": {}}, {})


def test_accepted_norms_are_clipped_ones_at_their_bound() -> None:
    first = clip(of_norms(a=1000.0, b=1.0), limits=Limits(3.0, 10.0))
    documents = [{"clipping": json.loads(json.dumps(clipping_json(first)))}, {"round": 2}]

    found = accepted_norms(documents)

    assert found == {"adapter": [pytest.approx(10 * math.sqrt(2)), pytest.approx(1.0)]}


def test_a_document_says_who_was_clipped_and_by_how_much() -> None:
    found = Clipped(
        (), {"a": {"adapter": 9.0}}, {"adapter": 3.0}, (Clip("a", "adapter", 9.0, 3.0),)
    )

    assert clipping_json(found) == {
        "norms": {"a": {"adapter": 9.0}},
        "bounds": {"adapter": 3.0},
        "clipped": [{"site": "a", "kind": "adapter", "norm": 9.0, "bound": 3.0}],
    }


@given(
    norms=st.lists(st.floats(0.0, 1e6), min_size=1, max_size=6),
    before=st.lists(st.floats(1e-3, 1e3), max_size=6),
)
def test_no_update_comes_out_beyond_the_bound(norms: list[float], before: list[float]) -> None:
    found = clip(of_norms(**{f"s{i}": norm for i, norm in enumerate(norms)}), before)

    for one in found.updates:
        square = sum(float(np.square(one.delta[n], dtype=np.float64).sum()) for n in one.delta)
        assert math.sqrt(square) <= found.bounds["adapter"] * (1 + 1e-6)
