from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fedmedlora.adapters.files import open_adapter, write_adapter
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AggregationError
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.updates import SiteReport, SiteUpdate

A, B, HEAD = "q.lora_A.weight", "q.lora_B.weight", "classifier.weight"


def update(site: str, delta: AdapterWeights) -> SiteUpdate:
    return SiteUpdate(SiteReport(site, 1, 10, None, None), delta, base="base", start="start")


def single(site: str, *values: float) -> SiteUpdate:
    return update(site, {"w": np.array(values, dtype=np.float32)})


def random_delta(seed: int) -> dict[str, NDArray[np.float32]]:
    """A layer from 5 to 3 of rank 2, and a head: no two axes agree."""
    rng = np.random.default_rng(seed)
    shapes = {A: (2, 5), B: (3, 2), HEAD: (4, 3)}
    return {name: rng.normal(size=s).astype(np.float32) for name, s in shapes.items()}


def test_each_delta_counts_by_its_share() -> None:
    # 0.25 * 4 + 0.75 * 8 = 7;  0.25 * -8 + 0.75 * 0 = -2
    found = weighted_sum([single("a", 4, -8), single("b", 8, 0)], {"a": 0.25, "b": 0.75})

    assert found["w"].tolist() == [7.0, -2.0]
    assert found["w"].dtype == np.float32


def test_it_agrees_with_the_plain_average_of_each_factor_in_float64() -> None:
    num_tokens = {"a": 10, "b": 70, "c": 20}
    shares = {site: n / 100 for site, n in num_tokens.items()}
    deltas = {site: random_delta(seed) for seed, site in enumerate(num_tokens)}

    found = weighted_sum([update(site, delta) for site, delta in deltas.items()], shares)

    for name in (A, B, HEAD):
        wide = [deltas[site][name].astype(np.float64) for site in num_tokens]
        expected = (10 * wide[0] + 70 * wide[1] + 20 * wide[2]) / 100
        assert found[name].shape == expected.shape
        assert np.abs(found[name] - expected).max() <= 2.0**-23 * np.abs(expected).max()


def dense_change(deltas: dict[str, dict[str, NDArray[np.float32]]]) -> NDArray[np.float64]:
    """The mean of the sites' products B·A with shares 1/4 and 3/4, (3, 5)."""
    quarter = deltas["a"][B].astype(np.float64) @ deltas["a"][A].astype(np.float64)
    rest = deltas["b"][B].astype(np.float64) @ deltas["b"][A].astype(np.float64)
    return 0.25 * quarter + 0.75 * rest


def test_averaging_the_factors_apart_is_inexact() -> None:
    deltas = {"a": random_delta(0), "b": random_delta(1)}

    mean = weighted_sum([update(s, d) for s, d in deltas.items()], {"a": 0.25, "b": 0.75})

    assert np.abs(mean[B] @ mean[A] - dense_change(deltas)).max() > 0.1


def test_averaging_is_exact_where_the_sites_share_one_factor() -> None:
    deltas = {"a": random_delta(0), "b": random_delta(1)}
    deltas["b"][A] = deltas["a"][A]

    mean = weighted_sum([update(s, d) for s, d in deltas.items()], {"a": 0.25, "b": 0.75})

    assert np.abs(mean[B] @ mean[A] - dense_change(deltas)).max() < 1e-6


def test_order_of_arrival_does_not_change_a_bit() -> None:
    updates = [update(f"s{i}", random_delta(i)) for i in range(7)]
    shares = {f"s{i}": (i + 1) / 28 for i in range(7)}

    forwards, backwards = weighted_sum(updates, shares), weighted_sum(updates[::-1], shares)

    assert all(forwards[name].tobytes() == backwards[name].tobytes() for name in (A, B, HEAD))


def test_sums_are_taken_in_float64() -> None:
    # In float32, 2^24 + 1 is 2^24, so that a sum from left to right would give 0.
    large, shares = float(2**24), {"a": 0.25, "b": 0.25, "c": 0.5}

    found = weighted_sum([single("a", large), single("b", 1.0), single("c", -large / 2)], shares)

    assert found["w"].item() == 0.25


def test_no_change_anywhere_is_no_change() -> None:
    found = weighted_sum([single("a", 0, 0), single("b", 0, 0)], {"a": 0.1, "b": 0.9})

    assert not found["w"].any()


def test_equal_changes_are_kept_as_they_are() -> None:
    delta = random_delta(3)

    found = weighted_sum([update(s, delta) for s in "ab"], {"a": 0.25, "b": 0.75})

    assert all(np.array_equal(found[name], delta[name]) for name in delta)


def test_files_give_the_same_bits_as_arrays(tmp_path: Path) -> None:
    deltas = {site: random_delta(seed) for seed, site in enumerate("abc")}
    shares = {"a": 0.2, "b": 0.3, "c": 0.5}
    files = {s: open_adapter(write_adapter(tmp_path, d).path) for s, d in deltas.items()}

    from_arrays = weighted_sum([update(s, d) for s, d in deltas.items()], shares)
    from_files = weighted_sum([update(s, d) for s, d in files.items()], shares)

    assert all(from_files[n].tobytes() == from_arrays[n].tobytes() for n in (A, B, HEAD))


def test_a_smaller_rank_counts_as_zeros_beyond_its_own() -> None:
    like = {A: np.zeros((2, 1), np.float32), B: np.zeros((1, 2), np.float32)}
    whole = update("a", {A: np.array([[4], [8]], np.float32), B: np.array([[4, 8]], np.float32)})
    first = update("b", {A: np.array([[8]], np.float32), B: np.array([[8]], np.float32)})

    found = weighted_sum([whole, first], {"a": 0.25, "b": 0.75}, like=like)

    # 0.25 * 4 + 0.75 * 8 = 7;  0.25 * 8 + 0.75 * 0 = 2
    assert (found[A].tolist(), found[B].tolist()) == ([[7], [2]], [[7, 2]])


@pytest.mark.parametrize("shares", [{"a": 1.0}, {"a": 0.5, "b": 0.25, "c": 0.25}, {}])
def test_shares_for_other_sites_are_an_error(shares: dict[str, float]) -> None:
    with pytest.raises(AggregationError, match=r"expected for \['a', 'b'\], each site once"):
        weighted_sum([single("b", 1.0), single("a", 1.0)], shares)


def test_two_updates_of_one_site_are_an_error() -> None:
    with pytest.raises(AggregationError, match="each site once"):
        weighted_sum([single("a", 1.0), single("a", 2.0)], {"a": 1.0})


def test_nothing_to_sum_is_an_error() -> None:
    with pytest.raises(AggregationError, match="expected for"):
        weighted_sum([], {})


def test_deltas_of_other_names_or_shapes_are_an_error() -> None:
    shares = {"a": 0.5, "b": 0.5}
    other_name = update("b", {"v": np.ones(1, dtype=np.float32)})

    with pytest.raises(AggregationError, match=r"1 missing \('w'\) and 1 extra \('v'\)"):
        weighted_sum([single("a", 1.0), other_name], shares)
    with pytest.raises(AggregationError, match=r"'w': found \(1,\), expected \(2,\)"):
        weighted_sum([single("a", 1.0, 2.0), single("b", 1.0)], shares)
