from typing import Any

from tests.reporting.conftest import row

from fedmedlora.reporting.protections import protections_table
from fedmedlora.reporting.sections import privacy_part

Json = dict[str, Any]


def with_settings(results: Json, **settings: str) -> Json:
    told = {key.replace("__", "."): value for key, value in settings.items()}
    environment = {**results["environment"], "settings": told}
    return {**results, "environment": environment}


def test_a_run_that_asked_for_nothing_says_so(results: Json) -> None:
    told = protections_table(with_settings(results))

    assert row(told, "Updates are signed, rounds are sealed")[1:] == ["off"]
    assert row(told, "Noise that is accounted for")[1:] == ["off"]
    assert row(told, "The server sees sums alone")[1:] == ["off"]
    assert row(told, "Updates that go too far are scaled down")[1:] == ["always on"]


def test_what_a_run_asked_for_is_on(results: Json) -> None:
    asked = {"audit__ledger": "embedded", "privacy__mode": "record", "aggregation__sees": "sum"}
    signed = with_settings(results, **asked)
    told = protections_table(signed)

    assert row(told, "Updates are signed, rounds are sealed")[1:] == ["on: embedded ledger"]
    assert row(told, "Noise that is accounted for")[1:] == ["hides each note or patient"]
    assert row(told, "The server sees sums alone")[1:] == ["on: the sum of all, not one of them"]
    assert row(told, "Updates that go too far are scaled down")[1:] == [
        "off: nobody but the site can look at its update"
    ]
    assert "Together with any one site it could have seen" in privacy_part(signed)
    assert row(told, "Updates that go too far are scaled down")[1:] == [
        "off: nobody but the site can look at its update"
    ]
    assert "Together with any one site" not in privacy_part(results)
