import pytest

from fedmedlora.evaluation.fairness import summary

UNDEFINED = {"mean": None, "min": None, "harmonic_mean": None, "std": None}


def test_numbers_by_hand() -> None:
    figures = summary({"a": 0.25, "b": 0.75, "c": 0.5})

    # mean 1.5 / 3; harmonic mean 3 / (4 + 4/3 + 2) = 9 / 22;
    # variance of the population (0.0625 + 0.0625 + 0) / 3 = 1 / 24
    assert figures == {
        "mean": 0.5,
        "min": 0.25,
        "harmonic_mean": pytest.approx(9 / 22, abs=1e-15),
        "std": pytest.approx((1 / 24) ** 0.5, abs=1e-15),
    }


def test_a_site_without_a_figure_is_skipped() -> None:
    assert summary({"a": 0.25, "b": None, "c": 0.75}) == summary({"a": 0.25, "c": 0.75})


def test_a_harmonic_mean_with_a_zero_is_zero() -> None:
    assert summary({"a": 0.0, "b": 1.0}) == {
        "mean": 0.5,
        "min": 0.0,
        "harmonic_mean": 0.0,
        "std": 0.5,
    }


@pytest.mark.parametrize("values", [{}, {"a": None}])
def test_nothing_defined_is_undefined(values: dict[str, float | None]) -> None:
    assert summary(values) == UNDEFINED


def test_equal_sites_have_no_spread() -> None:
    assert summary({"a": 0.3, "b": 0.3, "c": 0.3}) == {
        "mean": 0.3,
        "min": 0.3,
        "harmonic_mean": pytest.approx(0.3, abs=1e-15),
        "std": 0.0,
    }
