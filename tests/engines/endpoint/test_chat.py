import json
from dataclasses import replace
from typing import Any

import pytest
from tests.engines.endpoint.chat_server import envelope

from fedmedlora.engines.endpoint.chat import Said, question, read_said, told_flaw, told_names
from fedmedlora.experiment.baselines import Endpoint
from fedmedlora.tasks.items import answer_schema
from fedmedlora.tasks.prompting import PromptExample

ENDPOINT = Endpoint(url="http://127.0.0.1:1/v1", model="m1", max_answer_tokens=50)
SCHEMA = answer_schema(("problem",))
PAIN = PromptExample("List problems.\n", "Pain.", "[1]", SCHEMA)
REST = PromptExample("List problems.\n", "Rest.", "[]", SCHEMA)
COUGH = PromptExample("List problems.\n", "Cough.", "[2]", SCHEMA)


def sent(example: PromptExample = PAIN, **settings: Any) -> Any:  # noqa: ANN401 -- any JSON value
    return json.loads(question(example, replace(ENDPOINT, **settings), seed=11))


def turns(example: PromptExample) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in sent(example)["messages"]]


class TestQuestion:
    def test_names_the_model_and_leaves_nothing_to_chance(self) -> None:
        body = sent()

        assert (body["model"], body["temperature"], body["seed"]) == ("m1", 0, 11)
        assert body["max_tokens"] == 50
        assert "max_completion_tokens" not in body

    def test_is_put_to_a_model_that_reasons_as_it_wants_it(self) -> None:
        body = sent(dialect="reasoning")

        assert (body["max_completion_tokens"], body["seed"]) == (50, 11)
        assert not {"max_tokens", "temperature"} & body.keys()

    def test_is_one_turn_of_the_user_which_does_not_hold_the_answer(self) -> None:
        assert turns(PAIN) == [("user", "List problems.\nPain.")]

    def test_comes_behind_what_is_shown_and_is_instructed_once(self) -> None:
        assert turns(replace(COUGH, shown=(PAIN, REST))) == [
            ("user", "List problems.\nPain."),
            ("assistant", "[1]"),
            ("user", "Rest."),
            ("assistant", "[]"),
            ("user", "Cough."),
        ]

    def test_is_instructed_again_where_something_else_is_wanted(self) -> None:
        other = replace(REST, instruction="List drugs.\n")

        assert [text for role, text in turns(replace(COUGH, shown=(other,))) if role == "user"] == [
            "List drugs.\nRest.",
            "List problems.\nCough.",
        ]

    def test_holds_the_model_to_the_schema(self) -> None:
        assert sent()["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "findings", "strict": True, "schema": SCHEMA},
        }

    def test_may_ask_for_any_object_or_for_nothing(self) -> None:
        assert sent(structured="json_object")["response_format"] == {"type": "json_object"}
        assert "response_format" not in sent(structured="none")

    def test_takes_any_text(self) -> None:
        # Half a character, as a damaged note may hold it.
        assert sent(replace(PAIN, text="fièvre \ud83d"))["messages"][0]["content"].endswith(
            "\ud83d"
        )


class TestSaid:
    def test_is_text_and_tokens(self) -> None:
        assert read_said(envelope("[]")) == Said("[]", None, 7, 3)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (envelope("[1", finish="length"), Said("[1", "cut_off", 7, 3)),
            (envelope(None, refusal="I cannot."), Said("", "refused", 7, 3)),
            (envelope("[1", finish="content_filter"), Said("[1", "refused", 7, 3)),
            (envelope(None), Said("", None, 7, 3)),
        ],
    )
    def test_tells_what_keeps_it_from_being_an_answer(self, content: bytes, said: Said) -> None:
        assert read_said(content) == said

    @pytest.mark.parametrize(
        ("parts", "text"),
        [
            ([{"type": "text", "text": "[1"}, {"type": "text", "text": "]"}], "[1]"),
            ([{"type": "thinking", "thinking": []}, {"type": "text", "text": "[]"}], "[]"),
            ([{"type": "text", "text": None}, "[1]", None, 7], ""),
            ([], ""),
            ({"type": "text", "text": "[]"}, ""),
        ],
    )
    def test_may_come_in_parts(self, parts: object, text: str) -> None:
        told = json.loads(envelope(None))
        told["choices"][0]["message"]["content"] = parts

        assert read_said(json.dumps(told).encode()) == Said(text, None, 7, 3)

    @pytest.mark.parametrize(
        "usage",
        [
            [],
            {"prompt_tokens": -1, "completion_tokens": True},
            {"prompt_tokens": "7", "completion_tokens": 3.0},
        ],
    )
    def test_may_leave_its_tokens_untold(self, usage: object) -> None:
        told = json.loads(envelope("[]"))

        assert read_said(json.dumps({**told, "usage": usage}).encode()) == Said("[]", None)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"<html>busy</html>",
            b"[1]",
            b"\xff\xfe\x00",
            b'{"choices": [{"message":',
            b'{"choices": []}',
            b'{"choices": {"0": 1}}',
            b'{"choices": ["message"]}',
            b'{"choices": [{"message": "[]"}]}',
            b'{"error": {"code": 1}}',
            b"[" * 100_000,
        ],
    )
    def test_is_nothing_where_the_protocol_is_not_spoken(self, content: bytes) -> None:
        assert read_said(content) is None


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        (b'{"error": {"code": "content_filter", "message": "no"}}', "refused"),
        (b'{"error": {"code": "content_policy_violation"}}', "refused"),
        (b'{"error": {"code": "context_length_exceeded", "param": "messages"}}', "too_long"),
        (b'{"error": {"code": 400, "type": "exceed_context_size_error"}}', "too_long"),
        (b'{"error": {"code": 400, "param": "input_tokens"}}', "too_long"),
        (b'{"error": {"code": 400, "message": "maximum context length"}}', None),
        (b'{"error": {"code": "model_not_found"}}', None),
        (b'{"error": "content_filter"}', None),
        (b'{"error": {"code": ["content_filter"]}}', None),
        (b"content_filter", None),
    ],
)
def test_an_error_may_be_about_one_question_alone(content: bytes, flaw: str | None) -> None:
    assert told_flaw(content) == flaw


@pytest.mark.parametrize(
    ("code", "param", "names"),
    [
        ("unsupported_parameter", "max_tokens", ("unsupported_parameter", "max_tokens")),
        (None, "response_format.json_schema", ("response_format.json_schema",)),
        ("unsupported_value", None, ("unsupported_value",)),
        ("x" * 40, "x" * 41, ("x" * 40,)),
        (400, ["max_tokens"], ()),
        ("Severe pain", "severe pain", ()),
        ("", "pain\n", ()),
    ],
)
def test_an_error_tells_names_and_no_prose(
    code: object, param: object, names: tuple[str, ...]
) -> None:
    error = {"code": code, "param": param, "message": "pain"}

    assert told_names(json.dumps({"error": error}).encode()) == names
