from typing import Any

from tests.reporting.conftest import row

from fedmedlora.reporting.page import render
from fedmedlora.reporting.private import private_part
from fedmedlora.reporting.sections import privacy_part

Json = dict[str, Any]


def said(epsilon: float, *, is_private: bool = True) -> Json:
    return {
        "is_private": is_private,
        "epsilon": epsilon,
        "delta": 1e-5,
        "unit": "note",
        "steps": [
            {"noise_multiplier": 1.0, "rate": 0.1, "steps": 30},
            {"noise_multiplier": 2.0, "rate": 0.1, "steps": 12},
        ],
        "sentence": f"({epsilon}, 1e-05)-differentially private for one note <of> a site.",
    }


PRIVACY = {
    "mode": "record",
    "said": {"oncology": said(2.5), "cardiology": said(7.123, is_private=False)},
    "open": ["centralised"],
}


def test_every_place_is_told_in_a_sentence_and_in_numbers(results: Json) -> None:
    part = private_part({**results, "privacy": PRIVACY})

    assert row(part, "cardiology") == [
        "cardiology",
        "no: a fixed generator",
        "7.12",
        "1e-05",
        "note",
        "42",
    ]
    assert row(part, "oncology")[1] == "yes"
    assert "(2.5, 1e-05)-differentially private for one note &lt;of&gt; a site." in part
    assert "for comparison on this machine, and hiding nothing: Centralised" in part


def test_which_kind_of_noise_there_was_is_told(results: Json) -> None:
    at_sites = private_part({**results, "privacy": {**PRIVACY, "open": []}})
    at_server = private_part({**results, "privacy": {**PRIVACY, "mode": "site"}})

    assert "Each site trained with noise" in at_sites
    assert "hiding nothing" not in at_sites
    assert "The server itself saw every update" in at_server


def test_without_privacy_the_page_has_no_such_part_and_says_that_there_is_none(
    results: Json,
) -> None:
    private = {**results, "privacy": PRIVACY}

    assert "in a sentence" not in render(results, [])
    assert "There is no differential privacy" in privacy_part(results)
    assert "Differential privacy, in a sentence" in render(private, [])
    assert "There is no differential privacy" not in privacy_part(private)
    assert "There is no secure aggregation" in privacy_part(private)
