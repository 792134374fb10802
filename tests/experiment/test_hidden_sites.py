from dataclasses import replace

import pytest
from tests.experiment.fakes import experiment, toml

from fedmedlora.errors import AggregationError
from fedmedlora.experiment.hidden_sites import site_noise
from fedmedlora.experiment.privacy import Privacy
from fedmedlora.experiment.schema import Experiment
from fedmedlora.privacy.accounting import epsilon


def asking(**privacy: object) -> Experiment:
    settings = replace(experiment(toml(("fed_medlora",))), rounds=10)
    return replace(settings, privacy=Privacy(**{"mode": "site", **privacy}))  # type: ignore[arg-type]


def names(settings: Experiment) -> list[str]:
    return [f"site{number}" for number, _ in enumerate(settings.sites_of("train"))]


def test_without_shares_all_sites_are_alike() -> None:
    settings = asking(noise_multiplier=4.0)
    number = len(names(settings))

    noise = site_noise(settings, names(settings))

    assert set(noise.shares.values()) == {1 / number}
    assert noise.deviation == pytest.approx(4.0 / number)


def test_the_noise_for_an_epsilon_is_for_all_rounds() -> None:
    settings = asking(epsilon=8.0)

    noise = site_noise(settings, names(settings))

    assert 7.9 < epsilon(noise.noise_multiplier, 1.0, 10, 1e-5) <= 8.0


def test_with_fewer_sites_than_shares_were_fixed_for_there_is_no_round() -> None:
    settings = asking(noise_multiplier=4.0)

    with pytest.raises(AggregationError, match="whose shares are fixed; wait for all of them"):
        site_noise(settings, names(settings)[1:])
