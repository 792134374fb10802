from typing import Any

from tests.reporting.conftest import row

from fedmedlora.reporting import sections
from fedmedlora.reporting.asking import asked_part, shown_table

Json = dict[str, Any]

ASKED = {
    "requests": 1204,
    "retries": 4,
    "refused": 3,
    "cut_off": 2,
    "too_long": 6,
    "unreadable": 1,
    "no_answer": 5,
    "prompt_tokens": 90_000,
    "completion_tokens": 7000,
    "cost": 0.3,
}


def with_endpoint(results: Json, **asked: object) -> Json:
    arm = {"name": "endpoint_zero_shot", "kind": "prompted", "model": "endpoint", "asked": asked}
    models = {"endpoint": {"base": "big at https://models.example/v1"}}
    return {**results, "arms": [*results["arms"], arm], "models": models}


def test_questions_flaws_tokens_and_cost_stand_in_one_row(results: Json) -> None:
    told = asked_part(with_endpoint(results, **ASKED))

    _, *figures = row(told, "Endpoint, zero-shot")
    assert figures == ["1,204", "4", "3", "2", "6", "1", "5", "90,000", "7,000", "0.30"]


def test_a_cost_that_nobody_knows_is_not_made_up(results: Json) -> None:
    told = asked_part(with_endpoint(results, **{**ASKED, "cost": None}))

    assert row(told, "Endpoint, zero-shot")[-1] == "–"


def test_where_notes_went_is_said_with_what_travelled_and_under_privacy(results: Json) -> None:
    several = with_endpoint(results, **ASKED)

    assert "sent to big at https://models.example/v1" in sections.bytes_part(several)
    assert "went to big at https://models.example/v1" in sections.privacy_part(several)


def test_how_much_a_model_was_shown_stands_by_site(results: Json) -> None:
    shown = {"cardiology": {"windows": 3, "heads": 4}, "oncology": {"windows": 0, "heads": 0}}
    arm = {"name": "few_shot", "kind": "prompted", "model": "own", "shown": shown}

    told = shown_table({**results, "arms": [*results["arms"], arm]})

    assert row(told, "Few-shot") == ["Few-shot", "3, 4", "0, 0"]
    assert shown_table(results) == ""


def test_without_an_endpoint_nothing_is_said_of_one(results: Json) -> None:
    assert asked_part(results) == ""
    assert "endpoint" not in sections.privacy_part(results)
