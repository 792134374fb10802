import pytest
from tests.federation.methods.steps import walked


def test_three_rounds_by_hand() -> None:
    # v = 1;  0.5 * 1 - 2 = -1.5;  0.5 * -1.5 + 0.5 = -0.25
    # x = 1 + 0.8 * 1 = 1.8;  1.8 - 0.8 * 1.5 = 0.6;  0.6 - 0.8 * 0.25 = 0.4
    found = walked("fed_avg_m", momentum=0.5, rate=0.8)

    assert found == pytest.approx([1.8, 0.6, 0.4])


def test_without_momentum_it_is_the_plain_average() -> None:
    # 1 + 1 = 2;  2 - 2 = 0;  0 + 0.5 = 0.5
    assert walked("fed_avg_m", momentum=0.0, rate=1.0) == [2.0, 0.0, 0.5]
