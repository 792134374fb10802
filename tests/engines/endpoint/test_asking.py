import json
import time
import traceback
from threading import Barrier, BrokenBarrierError
from typing import Any

import numpy as np
import pytest
from tests.engines.endpoint.chat_server import (
    Asked,
    Behave,
    ChatServer,
    Handler,
    Waits,
    drops,
    echoes,
    envelope,
    hangs,
    says,
    sends,
    serving,
)

from fedmedlora.engines.endpoint.asking import SPENT, Asking
from fedmedlora.engines.endpoint.chat import Said
from fedmedlora.errors import EngineError, FedMedLoRAError, ModelError
from fedmedlora.experiment.baselines import Endpoint

KEY = "k-very-secret"
NOTE = "Severe pain of Mr Nobody."
FINE = Said("[]", None, 7, 3)
NO_ANSWER = Said("", "no_answer")


def asking(server: ChatServer, waits: Waits | None = None, **settings: Any) -> Asking:  # noqa: ANN401
    given = {"attempts": 3, "at_once": 1, "timeout_s": 2.0, **settings}
    endpoint = Endpoint(url=server.url, model="m1", **given)
    rng = np.random.default_rng(0)
    return Asking(endpoint, key=KEY, rng=rng, sleep=waits or Waits())


def questions(number: int = 1) -> list[bytes]:
    return [
        json.dumps({"number": i, "messages": [{"role": "user", "content": NOTE}]}).encode()
        for i in range(number)
    ]


def after(*behaviours: Behave, **settings: Any) -> tuple[list[Said], Asking, list[float]]:  # noqa: ANN401
    """Return what comes of one question, what it took, and how long was waited."""
    waits = Waits()
    with serving(*behaviours) as server:
        asked = asking(server, waits, **settings)
        return asked.answers(questions()), asked, waits.seconds


def spent(asked: Asking) -> dict[str, int]:
    return {name: number for name, number in asked.spent.items() if number}


def test_answers_come_in_the_order_of_the_questions() -> None:
    def behave(handler: Handler, asked: Asked) -> None:
        number = asked.body["number"]
        # The later the question, the sooner its answer.
        handler.server.closing.wait(0.05 if number == 0 else 0)
        handler.answer(200, envelope(str(number)))

    with serving(behave) as server:
        said = asking(server, at_once=4).answers(questions(6))

    assert [one.text for one in said] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(("at_once", "met"), [(2, 2), (1, 1), (3, 2)])
def test_so_many_questions_are_under_way_at_once(at_once: int, met: int) -> None:
    together = Barrier(2)
    num_met = []

    def behave(handler: Handler, _: Asked) -> None:
        try:
            together.wait(0.2)
            num_met.append(2)
        except BrokenBarrierError:
            num_met.append(1)
        handler.answer(200, envelope("[]"))

    with serving(behave) as server:
        asking(server, at_once=at_once).answers(questions(2))

    assert num_met == [met, met]


@pytest.mark.parametrize(
    "trouble",
    [
        sends(408),
        sends(409),
        sends(429),
        sends(500),
        sends(503),
        sends(599),
        sends(200, b'{"choices": [{"mess'),
        sends(200, b'{"choices": []}'),
        drops,
    ],
)
def test_a_question_is_put_again_where_the_endpoint_is_out_of_order(trouble: Behave) -> None:
    said, asked, waits = after(trouble, trouble, says("[]"))

    assert said == [FINE]
    assert spent(asked) == {
        "requests": 3,
        "retries": 2,
        "prompt_tokens": 7,
        "completion_tokens": 3,
    }
    # At random in the upper half of 1 s and of 2 s.
    assert 0.5 <= waits[0] < 1.0 <= waits[1] < 2.0


def test_a_question_is_put_again_where_time_runs_out() -> None:
    began = time.monotonic()
    said, asked, _ = after(hangs, says("[]"), timeout_s=0.1)

    assert said == [FINE]
    assert asked.spent["retries"] == 1
    assert time.monotonic() - began < 0.9


def test_waits_grow_up_to_a_minute_and_are_those_of_the_seed() -> None:
    trouble = [sends(503)] * 9
    _, _, waits = after(*trouble, says("[]"), attempts=10)
    _, _, again = after(*trouble, says("[]"), attempts=10)

    # Doubled each time: 1 2 4 8 16 32 60 60 60, and a random part of the lower half less.
    longest = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert all(most / 2 <= wait < most for wait, most in zip(waits, longest, strict=True))
    assert len({wait / most for wait, most in zip(waits, longest, strict=True)}) == 9
    assert waits == again


@pytest.mark.parametrize(("told", "wait"), [("7", 7.0), ("0", 0.0), ("86400", 60.0)])
def test_an_endpoint_is_left_alone_as_long_as_it_says(told: str, wait: float) -> None:
    said, _, waits = after(sends(429, Retry_After=told), says("[]"))

    assert (said, waits) == ([FINE], [wait])


class TestNoAnswer:
    def test_counts_and_the_others_go_on(self) -> None:
        with serving(says("[]"), *[sends(500)] * 2, says("[]")) as server:
            asked = asking(server, attempts=2)

            assert asked.answers(questions(3)) == [FINE, NO_ANSWER, FINE]

        assert spent(asked) == {
            "requests": 4,
            "retries": 1,
            "no_answer": 1,
            "prompt_tokens": 14,
            "completion_tokens": 6,
        }

    def test_to_the_first_three_questions_ends_all(self) -> None:
        waits = Waits()
        with serving(sends(503)) as server:
            with pytest.raises(
                ModelError,
                match=rf"endpoint {server.url}: found status 503 for the first 3 questions, "
                "expected answers; see whether it runs and endpoint.url is its address",
            ):
                asking(server, waits, attempts=2).answers(questions(50))

            # 3 questions, each put twice.
            assert len(server.asked) == 6
        assert len(waits.seconds) == 3

    def test_to_any_of_the_first_few_questions_ends_all(self) -> None:
        with (
            serving(sends(503)) as server,
            pytest.raises(ModelError, match="status 503 for the first 2 questions"),
        ):
            asking(server).answers(questions(2))

    def test_to_two_of_the_first_questions_ends_nothing(self) -> None:
        with serving(*[sends(503)] * 2, says("[]")) as server:
            said = asking(server, attempts=1).answers(questions(3))

        assert said == [NO_ANSWER, NO_ANSWER, FINE]

    def test_to_twenty_questions_in_a_row_ends_all(self) -> None:
        with serving(says("[]"), *[sends(500)] * 19, says("[]"), sends(500)) as server:
            asked = asking(server, attempts=1)
            assert asked.answers(questions(21)).count(NO_ANSWER) == 19

            # What came of questions before counts.
            assert asked.answers(questions(10)) == [NO_ANSWER] * 10
            with pytest.raises(
                EngineError,
                match="found status 500 for 20 questions in a row, expected answers; go on with",
            ):
                asked.answers(questions(50))

            assert len(server.asked) == 21 + 20

    def test_is_needed_to_no_question(self) -> None:
        with serving(sends(500)) as server:
            assert asking(server).answers([]) == []


class TestUnwanted:
    @pytest.mark.parametrize(
        ("status", "advice"),
        [
            (400, "see whether it knows endpoint.model, structured and dialect"),
            (401, "see whether endpoint.key_variable holds its key"),
            (403, "see whether the key may use endpoint.model"),
            (404, "see whether endpoint.url ends as the protocol begins, and the model"),
            (418, "see what it says to a question put by hand"),
            (499, "see what it says to a question put by hand"),
        ],
    )
    def test_ends_all_at_once(self, status: int, advice: str) -> None:
        with serving(sends(status)) as server:
            with pytest.raises(ModelError) as caught:
                asking(server).answers(questions(20))

            assert len(server.asked) == 1
        assert str(caught.value) == (
            f"endpoint {server.url}: found status {status}, expected an answer; {advice}"
        )

    def test_is_an_address_that_has_moved(self) -> None:
        with serving(says("[]")) as elsewhere:
            with (
                serving(sends(307, Location=f"{elsewhere.url}/chat/completions")) as server,
                pytest.raises(ModelError, match=r"found status 307, .* put the address"),
            ):
                asking(server).answers(questions())

            assert elsewhere.asked == []

    def test_is_told_by_the_names_an_error_gives(self) -> None:
        error = {"message": NOTE, "code": "unsupported_parameter", "param": "max_tokens"}
        with (
            serving(sends(400, json.dumps({"error": error}).encode())) as server,
            pytest.raises(ModelError) as caught,
        ):
            asking(server).answers(questions())

        found = "found status 400 (unsupported_parameter, max_tokens), expected an answer; see"
        assert found in str(caught.value)
        assert "pain" not in str(caught.value)

    def test_is_not_a_question_that_is_too_long(self) -> None:
        too_long = sends(400, b'{"error": {"code": "context_length_exceeded"}}')

        with serving(too_long, says("[]")) as server:
            asked = asking(server)
            assert asked.answers(questions(2)) == [Said("", "too_long"), FINE]

        # What nobody read costs nothing.
        assert spent(asked) == {
            "requests": 2,
            "too_long": 1,
            "prompt_tokens": 7,
            "completion_tokens": 3,
        }

    def test_is_not_what_a_filter_held_back(self) -> None:
        held_back = sends(400, b'{"error": {"code": "content_filter"}}')

        said, asked, _ = after(held_back)

        assert said == [Said("", "refused")]
        assert spent(asked) == {"requests": 1, "refused": 1, "untold": 1}


def ours(caplog: pytest.LogCaptureFixture) -> str:
    logged = [record for record in caplog.records if record.name.startswith("fedmedlora")]
    return "".join(record.getMessage() for record in logged)


@pytest.mark.parametrize("status", [200, 400, 401, 503])
def test_no_error_repeats_what_was_sent(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    with serving(echoes(status)) as server, pytest.raises(FedMedLoRAError) as caught:
        asking(server).answers(questions(3))

    told = "".join(traceback.format_exception(caught.value)) + ours(caplog)
    assert server.url in told
    assert not [word for word in (KEY, "Severe", "Nobody") if word in told]


@pytest.mark.parametrize(
    ("behave", "flaw"),
    [
        (says(None, refusal="I cannot help with that."), "refused"),
        (says("[", finish="content_filter"), "refused"),
        (says("[", finish="length"), "cut_off"),
    ],
)
def test_what_is_no_answer_is_counted_and_not_asked_again(behave: Behave, flaw: str) -> None:
    (said,), asked, _ = after(behave)

    assert said.flaw == flaw
    assert spent(asked) == {"requests": 1, flaw: 1, "prompt_tokens": 7, "completion_tokens": 3}


def test_tokens_that_are_not_told_are_counted_so() -> None:
    _, asked, _ = after(says("[]", usage={"prompt_tokens": 7}))

    assert spent(asked) == {"requests": 1, "untold": 1, "prompt_tokens": 7}
    assert [*asked.spent] == [*SPENT]


def test_what_questions_take_is_added_up() -> None:
    with serving(says("[]")) as server:
        asked = asking(server)
        asked.answers(questions(2))
        asked.answers(questions(3))

    assert (asked.spent["requests"], asked.spent["prompt_tokens"]) == (5, 35)


@pytest.mark.parametrize("ending", ["", "/"])
def test_questions_go_to_where_the_protocol_has_them(ending: str) -> None:
    with serving(says("[]")) as server:
        endpoint = Endpoint(url=server.url + ending, model="m1")
        rng = np.random.default_rng(0)
        Asking(endpoint, key=KEY, rng=rng, sleep=Waits()).answers(questions())

    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert [asked.path for asked in server.asked] == ["/v1/chat/completions"]
