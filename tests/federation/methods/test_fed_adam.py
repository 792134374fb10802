import pytest
from tests.federation.methods.steps import walked


def test_three_rounds_by_hand() -> None:
    # b1 = b2 = 0.5, tau = 1, so v = 1 at first; D = 1, -2, 0.5
    # m = 0.5;    0.5 * 0.5 - 0.5 * 2 = -0.75;   0.5 * -0.75 + 0.5 * 0.5 = -0.125
    # v = 1;      0.5 * 1 + 0.5 * 4 = 2.5;       0.5 * 2.5 + 0.5 * 0.25 = 1.375
    # moved: 0.5 / (1 + 1) = 0.25;  -0.75 / (sqrt(2.5) + 1) = -0.290569
    #        -0.125 / (sqrt(1.375) + 1) = -0.057535
    found = walked("fed_adam", rate=1.0, first_decay=0.5, second_decay=0.5, floor=1.0)

    assert found == pytest.approx([1.25, 0.959431, 0.901896], abs=1e-6)
