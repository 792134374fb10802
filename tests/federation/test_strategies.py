import math
from dataclasses import replace

import pytest

from fedmedlora.errors import InputError
from fedmedlora.federation.strategies import STRATEGY_NAMES, Strategy, strategy_by_name
from fedmedlora.federation.updates import SiteReport

REPORTS = [SiteReport("a", 1, 100, 0.3, 0.1), SiteReport("b", 1, 300, 0.5, 0.4)]


def made(name: str, *, max_share: float = 1.0) -> Strategy:
    return strategy_by_name(
        name,
        size_exponent=0.5,
        loss_temperature=math.log(2),
        shift_temperature=math.log(3),
        max_share=max_share,
    )


def test_fed_medlora_weighs_by_label_tokens() -> None:
    # 100 : 300
    assert made("fed_medlora").weigh(REPORTS).shares == pytest.approx({"a": 0.25, "b": 0.75})


def test_fed_medlora_plus_weighs_by_size_loss_and_shift_as_the_experiment_says() -> None:
    # a: 100^0.5 * 2^-0.3 * 3^-0.1 = 7.2775;  b: 300^0.5 * 2^-0.5 * 3^-0.4 = 7.8923
    found = made("fed_medlora_plus").weigh(REPORTS).shares

    assert found == pytest.approx({"a": 7.2775 / 15.1698, "b": 7.8923 / 15.1698}, abs=1e-5)


def test_released_plus_is_exp_of_one_minus_loss_normalised() -> None:
    # exp(0.7) = 2.013753, exp(0.5) = 1.648721, sum 3.662474
    found = made("fed_medlora_plus_released").weigh(REPORTS).shares

    assert found == pytest.approx({"a": 2.013753 / 3.662474, "b": 1.648721 / 3.662474}, abs=1e-6)


def test_strategies_say_what_reports_must_hold() -> None:
    needs = {name: (made(name).needs_loss, made(name).needs_shift) for name in STRATEGY_NAMES}

    assert needs == {
        "fed_medlora": (False, False),
        "fed_medlora_plus": (True, True),
        "fed_medlora_plus_released": (True, False),
    }


def test_a_temperature_of_zero_needs_no_number() -> None:
    by_size = strategy_by_name(
        "fed_medlora_plus",
        size_exponent=1.0,
        loss_temperature=0.0,
        shift_temperature=0.0,
        max_share=1.0,
    )

    assert not by_size.needs_loss
    assert not by_size.needs_shift


def test_strategies_differ_in_their_name_and_weighing_alone() -> None:
    plain = made("fed_medlora")
    plus = replace(made("fed_medlora_plus"), name=plain.name, weigh=plain.weigh)

    assert replace(plus, needs_loss=False, needs_shift=False) == plain


@pytest.mark.parametrize("name", STRATEGY_NAMES)
def test_the_largest_share_is_limited_for_all(name: str) -> None:
    lopsided = [SiteReport("a", 1, 1, 0.3, 0.1), SiteReport("b", 1, 10**6, 0.5, 0.4)]

    assert max(made(name, max_share=0.52).weigh(lopsided).shares.values()) == pytest.approx(0.52)


def test_an_unknown_name_is_an_input_error_that_lists_the_known() -> None:
    with pytest.raises(
        InputError, match=r"found 'fedavg', expected one of fed_medlora, "
    ) as caught:
        made("fedavg")

    assert caught.value.exit_code == 2
