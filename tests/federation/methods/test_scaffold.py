import numpy as np
import pytest
from tests.federation.methods.federations import HEAD, Federation, descent

C = f"control/{HEAD}"


def value(tensors: np.ndarray) -> float:
    (found,) = np.unique(tensors)
    return float(found)


def test_three_rounds_by_hand() -> None:
    # One step of rate 0.5 towards 1 and 3; g_k = w - t_k, w and every c start at 0.
    # Round 1: g = -1, -3.  Moves 0.5, 1.5, mean 1.  c_k = -1, -3, c = -2
    # Round 2 from 1: g = 0, -2, led by c - c_k = -1, 1 to -1, -1.  Both move 0.5: w = 1.5
    #          c_k = 0, -2, c = -1
    # Round 3 from 1.5: g = 0.5, -1.5, led by -1, 1 to -0.5, -0.5.  w = 1.75
    #          c_k = 0.5, -1.5, c = -0.5
    federation = Federation("scaffold", {"a": 1.0, "b": 3.0}, descent(1, 0.5))

    seen = []
    for _ in range(3):
        adapter = federation.close_round()
        seen.append((value(adapter[HEAD]), value(adapter[C])))

    assert seen == [(1.0, -2.0), (1.5, -1.0), (1.75, -0.5)]
    assert value(federation.memories["a"][C]) == 0.5
    assert value(federation.memories["b"][C]) == -1.5


def test_who_was_away_keeps_its_part_in_everybodys_gradient() -> None:
    # As above, but b is away in round 2: a moves by 0.5, c_a from -1 to 0.
    # c = -2 + (1 of 2 sites) * 1 = -1.5, the mean of 0 and -3
    federation = Federation("scaffold", {"a": 1.0, "b": 3.0}, descent(1, 0.5))
    federation.close_round()

    adapter = federation.close_round(absent=["b"])

    assert (value(adapter[HEAD]), value(adapter[C])) == (1.5, -1.5)
    assert value(federation.memories["b"][C]) == -3.0


def test_the_mean_gradient_is_the_papers_own_formula_for_plain_descent() -> None:
    # c_k - c + (x - y_k) / (K eta), K = 3 steps of eta = 0.25
    federation = Federation("scaffold", {"a": 1.0, "b": 3.0}, descent(3, 0.25))
    federation.close_round()
    before, own = federation.state.adapter, value(federation.memories["a"][C])

    federation.close_round()

    moved = value(federation.sent["a"].delta[HEAD])
    paper = own - value(before[C]) + -moved / (3 * 0.25)
    assert value(federation.memories["a"][C]) == pytest.approx(paper, rel=1e-6)


def test_sites_count_alike_whatever_their_size() -> None:
    federation = Federation("scaffold", {"a": 1.0, "b": 3.0, "c": 5.0}, descent(1, 1.0))

    assert value(federation.close_round()[HEAD]) == 3.0
