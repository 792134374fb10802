import numpy as np
import pytest
from tests.federation.methods.federations import HEAD, Federation, descent


def head_after(proximal: float) -> float:
    federation = Federation(
        "fed_prox", {"a": 1.0, "b": 3.0}, descent(2, 0.5), {"proximal": proximal}
    )
    (value,) = np.unique(federation.close_round()[HEAD])
    return float(value)


def test_two_steps_by_hand() -> None:
    # Towards 1 from 0, mu = 1: g = -1, w = 0.5;  g = -0.5 + 1 * 0.5 = 0, w = 0.5
    # Towards 3, all three times as much: 1.5.  Mean 1
    assert head_after(1.0) == pytest.approx(1.0)


def test_without_a_pull_it_is_the_plain_average() -> None:
    # Towards 1: 0.5, then 0.75; towards 3: 2.25.  Mean 1.5
    assert head_after(0.0) == pytest.approx(1.5)
