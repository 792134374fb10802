from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.federation.learners import Learner

from fedmedlora.adapters.files import adapter_digest
from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.federation.backbone import (
    STRAIGHT,
    ChosenMethod,
    LocalPlan,
    Steering,
    Trained,
)
from fedmedlora.federation.clipping import Limits
from fedmedlora.federation.site_round import site_round

A, B, HEAD = "q.lora_A.weight", "q.lora_B.weight", "classifier.weight"


class AddsOne:
    """Adds 1 to every value of the first row of A and column of B."""

    def __init__(self) -> None:
        self.learner = Learner(self._train)
        self.given: dict[str, NDArray[np.float32]] = {}
        self.steering = STRAIGHT

    def _train(
        self, start: AdapterWeights, examples: Sequence[Any], plan: LocalPlan, steering: Steering
    ) -> Trained:
        del examples, plan
        self.given, self.steering = dict(start), steering
        ended = {name: start[name].copy() for name in (A, B, HEAD)}
        ended[A][0] += 1
        ended[B][:, 0] += 1
        ended[HEAD] += 1
        return Trained(ended, 10, 0.5)


def received() -> dict[str, NDArray[np.float32]]:
    return {
        A: np.full((2, 3), 6.0, np.float32),
        B: np.full((4, 2), 8.0, np.float32),
        HEAD: np.zeros(2, np.float32),
    }


def test_what_is_sent_says_what_it_was_made_from() -> None:
    sent = site_round(AddsOne().learner, received(), [], LocalPlan(0, 3, 9), MemoryShelf())

    assert (sent.base, sent.start, sent.round_index) == ("b0", adapter_digest(received()), 3)
    assert (sent.num_tokens, sent.loss, sent.memory) == (10, 0.5, None)
    np.testing.assert_array_equal(sent.delta[A], [[1, 1, 1], [0, 0, 0]])


def test_a_smaller_rank_trains_the_first_rows_with_zeros_after_them_and_sends_those() -> None:
    backbone = AddsOne()

    sent = site_round(backbone.learner, received(), [], LocalPlan(0, 1, 9, rank=1), MemoryShelf())

    np.testing.assert_array_equal(backbone.given[A], [[6, 6, 6], [0, 0, 0]])
    np.testing.assert_array_equal(backbone.given[B], [[8, 0]] * 4)
    np.testing.assert_array_equal(sent.delta[A], [[1, 1, 1]])
    np.testing.assert_array_equal(sent.delta[B], [[1]] * 4)
    np.testing.assert_array_equal(sent.delta[HEAD], [1, 1])


def test_an_alpha_of_its_own_stays_at_the_site() -> None:
    backbone, plan = AddsOne(), LocalPlan(0, 1, 9, scaling=4.0)

    sent = site_round(backbone.learner, received(), [], plan, MemoryShelf())

    # Under four times the alpha / rank, B = 8 is 2 there; 3 and 2 come back as 12 and 8.
    assert backbone.steering.scaling == 4.0
    np.testing.assert_array_equal(backbone.given[A], received()[A])
    np.testing.assert_array_equal(backbone.given[B], [[2, 2]] * 4)
    np.testing.assert_array_equal(sent.delta[B], [[4, 0]] * 4)
    np.testing.assert_array_equal(sent.delta[A], [[1, 1, 1], [0, 0, 0]])


def test_what_a_site_keeps_is_of_its_rank_and_under_the_federation_s_alpha() -> None:
    plan = LocalPlan(0, 1, 9, method=ChosenMethod("fed_sa_lora"), rank=1, scaling=4.0)
    backbone = AddsOne()
    shelf = MemoryShelf()
    first = site_round(backbone.learner, received(), [], plan, shelf)

    second = replace(plan, round_index=2, memory=first.memory)
    site_round(backbone.learner, received(), [], second, shelf)

    # B = 8 is 2 there, 3 after training, and 12 under the federation's alpha / rank.
    kept = shelf.get(first.memory or "")
    assert kept.keys() == {f"own/{B}"}
    np.testing.assert_array_equal(kept[f"own/{B}"], [[12]] * 4)
    np.testing.assert_array_equal(backbone.given[B], [[3, 0]] * 4)


def test_patches_reach_the_model_whole_and_are_not_sent_back() -> None:
    patch = {
        f"patch1/{A}": np.ones((7, 3), np.float32),
        f"patch1/{B}": np.ones((4, 7), np.float32),
    }
    backbone, plan = AddsOne(), LocalPlan(0, 2, 9, rank=1)

    sent = site_round(backbone.learner, {**received(), **patch}, [], plan, MemoryShelf())

    assert all(np.array_equal(backbone.given[name], patch[name]) for name in patch)
    assert sent.delta.keys() == received().keys()


def test_a_control_variate_reaches_no_model() -> None:
    control = {f"control/{name}": np.ones_like(tensor) for name, tensor in received().items()}
    backbone = AddsOne()

    site_round(
        backbone.learner,
        {**received(), **control},
        [],
        LocalPlan(0, 2, 9, method=ChosenMethod("fed_prox")),
        MemoryShelf(),
    )

    assert backbone.given.keys() == received().keys()


def stayed(limits: Limits, *before: float) -> tuple[AdapterWeights, list[float]]:
    """Return an update of norm 3 as it stayed, and the norms of all rounds as the site keeps them.

    It has nine ones among sixteen values.
    """
    shelf = MemoryShelf()
    norms = {"norms/adapter": np.array(before, np.float32)}
    memory = shelf.put(norms) if before else None
    plan = LocalPlan(0, 2, 9, memory=memory, limits=limits)

    sent = site_round(AddsOne().learner, received(), [], plan, shelf)

    assert sent.payload == b""
    assert sent.stays is not None
    assert sent.memory is not None
    return shelf.get(sent.stays), shelf.get(sent.memory)["norms/adapter"].tolist()


def test_an_update_that_stays_is_held_to_the_absolute_limit_before_there_is_another() -> None:
    # 0.5 * sqrt(16) = 2 of 3
    held, norms = stayed(Limits(norm_factor=3.0, largest_rms=0.5))

    np.testing.assert_allclose(held[A], np.array([[2 / 3] * 3, [0.0] * 3]), rtol=1e-6)
    assert norms == [2.0]


def test_later_to_what_the_site_did_before(caplog: pytest.LogCaptureFixture) -> None:
    limits = Limits(norm_factor=3.0, largest_rms=100.0)

    # 3 is within 3 * 3 * 0.5, and beyond 3 * 3 * 0.25.
    held, norms = stayed(limits, 0.5)
    np.testing.assert_array_equal(held[A], [[1] * 3, [0] * 3])
    assert norms == [0.5, 3.0]
    assert caplog.text == ""

    held, norms = stayed(limits, 0.25)
    np.testing.assert_allclose(held[A], np.array([[0.75] * 3, [0.0] * 3]), rtol=1e-6)
    assert norms == [0.25, 2.25]
    assert "round 2: its update went too far and is scaled down" in caplog.text


def test_of_an_update_that_travels_no_norm_is_kept() -> None:
    sent = site_round(AddsOne().learner, received(), [], LocalPlan(0, 3, 9), MemoryShelf())

    assert (sent.memory, sent.stays) == (None, None)
