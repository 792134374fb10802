import numpy as np
import pytest

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AggregationError
from fedmedlora.federation.rounds import ServerState, aggregate
from fedmedlora.federation.strategies import methods, strategy_by_name
from fedmedlora.federation.updates import Absence, SiteReport, SiteUpdate
from fedmedlora.federation.weighting import Weighting
from fedmedlora.privacy.randomness import FixedRandomness, OsRandomness
from fedmedlora.privacy.site_level import SiteNoise, clipped, hiding_sites, is_noisable

SHARES = {"bones": 0.5, "heart": 0.3, "lungs": 0.2}
PLAIN = Weighting(1.0, 0.0, 0.0)


def update(site: str, values: AdapterWeights) -> SiteUpdate:
    return SiteUpdate(SiteReport(site, 1, 10, None, None), values, "base", "start")


def after(
    *updates: SiteUpdate, noise: float = 0.0, size: int = 2, absences: tuple[Absence, ...] = ()
) -> AdapterWeights:
    """Return what a round makes of an adapter of zeros."""
    strategy = hiding_sites(
        strategy_by_name("fed_medlora", weighting=PLAIN),
        SiteNoise(SHARES, clip=2.0, noise_multiplier=noise),
        OsRandomness(),
    )
    start = ServerState(0, {"w": np.zeros(size, np.float32)})
    return aggregate(start, updates, strategy, absences=absences)[0].adapter


def values(*numbers: float) -> AdapterWeights:
    return {"w": np.array(numbers, np.float32)}


def test_updates_are_clipped_and_summed_by_fixed_shares() -> None:
    # Norm 10 becomes 2: (1.2, 1.6); norm 1 stays.
    found = after(
        update("bones", values(6, 8)), update("heart", values(1, 0)), update("lungs", values(0, 1))
    )

    assert found["w"].tolist() == pytest.approx([0.5 * 1.2 + 0.3, 0.5 * 1.6 + 0.2], abs=1e-5)


def test_the_share_of_an_absent_site_goes_to_nobody() -> None:
    found = after(update("bones", values(1, 0)), absences=(Absence("heart", "away"),))

    assert found["w"].tolist() == pytest.approx([0.5, 0.0])


def test_noise_of_a_zero_update_has_the_deviation_that_is_said() -> None:
    size = 100_000

    found = after(update("heart", values(*[0.0] * size)), noise=4.0, size=size)

    # z C max w = 4 * 2 * 0.5, whichever site is there; the standard error is 0.2 %.
    assert float(found["w"].std()) == pytest.approx(4.0, rel=0.02)
    assert abs(float(found["w"].mean())) < 0.06


def test_one_site_s_update_replaced_by_zero_moves_the_sum_by_the_clip_times_its_share() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        own = [update(site, values(*rng.normal(0, 9, 2))) for site in SHARES]
        for index, site in enumerate(SHARES):
            zeroed = [*own[:index], update(site, values(0, 0)), *own[index + 1 :]]
            moved = after(*own)["w"].astype(float) - after(*zeroed)["w"]
            assert np.linalg.norm(moved) <= 2.0 * SHARES[site] + 1e-6


def test_a_norm_is_over_all_tensors_and_one_that_is_not_finite_is_refused() -> None:
    both = {"a": np.array([3.0], np.float32), "b": np.array([4.0], np.float32)}

    assert {n: float(v[0]) for n, v in clipped(both, 1.0).items()} == pytest.approx(
        {"a": 0.6, "b": 0.8}, abs=1e-5
    )
    assert clipped(both, 5.0) is both
    with pytest.raises(AggregationError, match="not finite"):
        clipped({"a": np.array([np.inf], np.float32)}, 1.0)


def test_a_site_without_a_share_is_refused() -> None:
    with pytest.raises(AggregationError, match="found none for skin"):
        after(update("skin", values(0, 0)))


def test_only_plain_sums_can_hide_a_site() -> None:
    rules = {name: strategy_by_name(name, weighting=PLAIN) for name in methods()}

    able = {name for name, rule in rules.items() if is_noisable(rule)}

    assert {"fed_medlora", "fed_prox", "fed_avg_m", "fed_adam", "ffa_lora"} <= able
    assert not able & {"scaffold", "flora", "fed_ex_lora", "flex_lora", "q_fed_avg", "agnostic"}
    plus = strategy_by_name("fed_medlora_plus", weighting=Weighting(1.0, 1.0, 0.0))
    assert not is_noisable(plus)
    with pytest.raises(ValueError, match="no plain sum"):
        hiding_sites(plus, SiteNoise(SHARES, 1.0, 1.0), FixedRandomness(0))
