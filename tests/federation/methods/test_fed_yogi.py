import pytest
from tests.federation.methods.steps import walked


def test_three_rounds_by_hand() -> None:
    # b1 = b2 = 0.5, tau = 1, so v = 1 at first; D = 1, -2, 0.5
    # m = 0.5;   -0.75;                            -0.125, as in FedAdam
    # v: 1 - 0.5 * 1 * sign(0) = 1;   1 - 0.5 * 4 * sign(1 - 4) = 3
    #    3 - 0.5 * 0.25 * sign(3 - 0.25) = 2.875
    # moved: 0.5 / 2 = 0.25;  -0.75 / (sqrt(3) + 1) = -0.274519
    #        -0.125 / (sqrt(2.875) + 1) = -0.046372
    found = walked("fed_yogi", rate=1.0, first_decay=0.5, second_decay=0.5, floor=1.0)

    assert found == pytest.approx([1.25, 0.975481, 0.929109], abs=1e-6)
