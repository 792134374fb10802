import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedmedlora.errors import InputError
from fedmedlora.federation import methods as package
from fedmedlora.federation.strategies import methods, strategy_by_name
from fedmedlora.federation.strategy import Strategy
from fedmedlora.federation.updates import SiteReport
from fedmedlora.federation.weighting import Weighting

REPORTS = [SiteReport("a", 1, 100, 0.3, 0.1), SiteReport("b", 1, 300, 0.5, 0.4)]


def made(name: str, *, max_share: float = 1.0) -> Strategy:
    weighting = Weighting(0.5, math.log(2), math.log(3), max_share)
    return strategy_by_name(name, weighting=weighting)


def test_strategies_say_what_reports_must_hold() -> None:
    assert made("fed_medlora").needs == set()
    assert made("fed_medlora_plus").needs == {"validation_loss", "shift"}
    assert made("fed_medlora_plus_released").needs == {"validation_loss"}


def test_a_temperature_of_zero_needs_no_number() -> None:
    by_size = strategy_by_name("fed_medlora_plus", weighting=Weighting(1.0, 0.0, 0.0))

    assert by_size.needs == set()


def test_the_papers_rules_differ_in_their_name_and_weighing_alone() -> None:
    plain, plus = made("fed_medlora"), made("fed_medlora_plus")

    assert replace(plus, name=plain.name, weigh=plain.weigh, needs=plain.needs) == plain


def test_every_method_has_one_file_and_one_test() -> None:
    tests = Path(__file__).parent / "methods"

    assert {path.stem for path in tests.glob("test_*.py")} == {f"test_{m}" for m in methods()}


def test_every_file_of_methods_is_a_method_under_its_name() -> None:
    folder = Path(package.__path__[0])

    assert list(methods()) == sorted(p.stem for p in folder.glob("[!_]*.py"))
    assert [made(name).name for name in methods()] == list(methods())


def test_a_method_takes_its_own_numbers() -> None:
    start, delta = {"w": np.zeros(1, np.float32)}, {"w": np.ones(1, np.float32)}
    own = replace(methods()["fed_avg_m"].settings(), rate=0.25)

    adapter, _ = strategy_by_name("fed_avg_m", own, weighting=Weighting(1, 0, 0)).step(
        {}, start, delta
    )

    assert adapter["w"] == [0.25]


# Rules for fairness have shares of their own.
@pytest.mark.parametrize("name", sorted(set(methods()) - {"agnostic", "q_fed_avg"}))
def test_the_largest_share_is_limited_for_all(name: str) -> None:
    lopsided = [SiteReport("a", 1, 1, 0.3, 0.1), SiteReport("b", 1, 10**6, 0.5, 0.4)]

    assert max(made(name, max_share=0.52).weigh({}, lopsided).shares.values()) <= 0.52 + 1e-9


def test_an_unknown_name_is_an_input_error_that_lists_the_known() -> None:
    with pytest.raises(
        InputError, match=r"found 'fedavg', expected one of .*fed_medlora, "
    ) as caught:
        made("fedavg")

    assert caught.value.exit_code == 2
