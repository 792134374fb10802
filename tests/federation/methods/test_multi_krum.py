import numpy as np
import pytest
from tests.federation.methods.robust import (
    W,
    closed,
    require_honest_range,
    require_laws,
    require_one_shape,
    values,
)

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import AggregationError

FIVE = values(a=[0.0], b=[1.0], c=[2.0], d=[4.0], e=[100.0])


def test_the_sites_that_lie_nearest_to_others_are_averaged() -> None:
    found, record = closed("multi_krum", FIVE, num_attackers=1, num_kept=3)

    # Two nearest of each, squared: a 1 + 4, b 1 + 1, c 1 + 4, d 4 + 9, e 96^2 + 98^2
    np.testing.assert_allclose(found[W], [1.0], rtol=1e-7)
    third = pytest.approx(1 / 3)
    assert record.shares == {"a": third, "b": third, "c": third, "d": 0.0, "e": 0.0}


def test_all_but_the_attackers_are_kept_unless_fewer_are_asked_for() -> None:
    found, record = closed("multi_krum", FIVE)

    # Of five sites one may be an attacker: (0 + 1 + 2 + 4) / 4
    assert found[W] == [1.75]
    assert record.shares == {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25, "e": 0.0}


@pytest.mark.parametrize(
    ("sites", "kept"),
    [
        # Two nearest: a 9 + 16, b 1 + 4, c 1 + 1, d 1 + 4, e 9 + 16; with three it were b and d.
        (values(a=[0.0], b=[3.0], c=[4.0], d=[5.0], e=[8.0]), "bc"),
        # c 0.25 + 1, d 0.25 + 0.25, a and b 0.01 + 25; with one, or with themselves, a and b.
        (values(a=[0.0], b=[0.1], c=[5.0], d=[5.5], e=[6.0]), "cd"),
    ],
)
def test_as_many_neighbours_count_as_there_are_honest_ones(
    sites: dict[str, AdapterWeights], kept: str
) -> None:
    _, record = closed("multi_krum", sites, num_attackers=1, num_kept=2)

    assert "".join(site for site in record.shares if record.shares[site]) == kept


def test_of_equal_scores_the_first_by_name_is_kept() -> None:
    _, record = closed("multi_krum", values(a=[1.0], b=[1.0], c=[1.0]), num_kept=2)

    assert record.shares == {"a": 0.5, "b": 0.5, "c": 0.0}


@pytest.mark.parametrize("num_sites", [1, 2, 3, 4])
def test_of_few_sites_none_is_left_out(num_sites: int) -> None:
    sites = values(a=[0.0], b=[1.0], c=[2.0], d=[100.0])
    few = {site: sites[site] for site in [*sites][:num_sites]}

    _, record = closed("multi_krum", few)

    assert record.shares == pytest.approx(dict.fromkeys(few, 1 / num_sites))


def test_too_few_sites_for_so_many_attackers_are_told() -> None:
    with pytest.raises(AggregationError, match="found 5 updates, expected 7 at least"):
        closed("multi_krum", FIVE, num_attackers=2)


def test_it_keeps_the_laws() -> None:
    require_laws("multi_krum")
    require_one_shape("multi_krum")


@pytest.mark.parametrize("num_attackers", [1, 2])
def test_as_many_attackers_as_it_is_told_of_cannot_leave_the_honest_range(
    num_attackers: int,
) -> None:
    require_honest_range("multi_krum", num_attackers, num_attackers=num_attackers)
