import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.engines.endpoint.asked_run import (
    ANSWERS,
    ARMS,
    BONES,
    ENVIRON,
    EXPERIMENT,
    HEART,
    begin,
    cohort,
    cohorts,
    go_on,
    in_turn,
    knows_all,
    window,
)
from tests.engines.endpoint.chat_server import Asked, Behave, Handler, says, sends, serving

from fedmedlora.clinical.notes import Note
from fedmedlora.engines.endpoint.opening import open_endpoint
from fedmedlora.errors import InputError, ModelError
from fedmedlora.experiment.config import Experiment, parse_experiment
from fedmedlora.experiment.results import results
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.engine import Scope

ROOT = Path(__file__).parents[3]
Json = dict[str, Any]


@pytest.fixture
def folder() -> Iterator[Path]:
    # A small run waits for the disk at every row: memory does not keep it waiting.
    memory = Path("/dev/shm")  # noqa: S108 -- a fresh folder in it, as elsewhere
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def told(folder: Path) -> Json:
    with RunStore.open(folder / "run") as store:
        return results(store)


def finished(folder: Path, behave: Behave) -> tuple[list[Json], list[Asked]]:
    """Return the arms of a run, and what was asked."""
    with serving(behave) as server:
        begin(folder, server.url)
        go_on(folder)
        return told(folder)["arms"], server.asked


def scores(arm: Json, site: str, part: str) -> tuple[int, int, int]:
    """Return how many findings were right, wrong and missed."""
    found = arm["final"][site][part]["strict"]
    return found["tp"], found["fp"], found["fn"]


def f1(arm: Json) -> list[float]:
    """Return the F1 of every part at every site."""
    parts = [(site, part) for site in ("heart", "bones") for part in ("ner", "re", "re_gold")]
    return [arm["final"][site][part]["strict"]["f1"] for site, part in parts]


def experiment(url: str = "http://127.0.0.1:1/v1", *, more: str = "") -> Experiment:
    text = EXPERIMENT.replace("URL", url).replace("[endpoint]\n", f"[endpoint]\n{more}")
    return parse_experiment(text, name="x", folder=Path("/fake"))


def test_an_endpoint_that_knows_all_finds_all(folder: Path) -> None:
    arms, asked = finished(folder, knows_all)

    assert [(arm["name"], arm["kind"], arm["model"]) for arm in arms] == [
        (name, "prompted", "endpoint") for name in ARMS
    ]
    # Entities of both sentences, then what belongs to each.
    assert [window(one) for one in asked] == [*HEART, *BONES, *HEART, *BONES]
    for arm in arms:
        assert f1(arm) == [1.0] * 6
        assert arm["final"]["heart"]["lost"] == {}
        spent = {
            "requests": 4,
            "retries": 0,
            "refused": 0,
            "cut_off": 0,
            "too_long": 0,
            "unreadable": 0,
            "no_answer": 0,
            "prompt_tokens": 28,
            "completion_tokens": 12,
            "untold": 0,
        }
        assert arm["asked"] == {
            **{name: 2 * number for name, number in spent.items()},
            # 56 tokens at 2 a million and 24 at 10.
            "cost": 0.000352,
            "sites": {"bones": spent, "heart": spent},
        }


def test_the_second_arm_is_shown_what_its_own_site_annotated(folder: Path) -> None:
    _, asked = finished(folder, knows_all)

    shown = {
        window(one): [turn["content"].rpartition("\n")[2] for turn in one.body["messages"]]
        for one in asked[8:]
    }
    answers = {
        text: json.dumps({"findings": [{"type": type_, "text": found}]})
        for text, ((type_, found),) in ANSWERS.items()
    }
    # Two windows before a window and two heads before a head, the first of the note first.
    for text, *turns in (
        (HEART[0], HEART[0], answers[HEART[0]], HEART[1], answers[HEART[1]], HEART[0]),
        (BONES[1], BONES[0], answers[BONES[0]], BONES[1], answers[BONES[1]], BONES[1]),
        (HEART[3], HEART[2], answers[HEART[2]], HEART[3], answers[HEART[3]], HEART[3]),
    ):
        assert shown[text] == turns
    assert {len(one.body["messages"]) for one in asked[:8]} == {1}


def test_each_refusal_is_counted_where_it_came(folder: Path) -> None:
    arms, _ = finished(folder, in_turn(knows_all, says(None, refusal="I cannot.")))

    for arm in arms:
        # Answered are the problem, and what belongs to it; refused are the drug, and its own.
        assert scores(arm, "heart", "ner") == scores(arm, "bones", "ner") == (1, 0, 1)
        assert scores(arm, "heart", "re") == scores(arm, "heart", "re_gold") == (1, 0, 1)
        assert arm["final"]["heart"]["lost"] == {"refused": 2}
        assert (arm["asked"]["requests"], arm["asked"]["refused"]) == (8, 4)
        assert arm["asked"]["sites"]["bones"]["refused"] == 2


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (says('{"findings": [{"type": "drug", "te', finish="length"), "cut_off"),
        (says("The drug is aspirin."), "unreadable"),
        (sends(400, b'{"error": {"code": "context_length_exceeded"}}'), "too_long"),
        (sends(500), "no_answer"),
    ],
)
def test_an_answer_that_is_none_is_told_from_one_that_finds_nothing(
    folder: Path, behave: Behave, reason: str
) -> None:
    arms, _ = finished(folder, in_turn(says("[]"), behave))

    for arm in arms:
        # A drug is not found, nor, in the last question, what belongs to it.
        assert arm["final"]["heart"]["lost"] == {reason: 2}
        assert arm["asked"]["sites"]["heart"][reason] == 2
        assert scores(arm, "heart", "ner") == (0, 0, 2)


def test_tokens_that_nobody_told_have_no_price(folder: Path) -> None:
    arms, _ = finished(folder, in_turn(knows_all, says("[]", usage={"prompt_tokens": 1})))

    assert [(arm["asked"]["untold"], arm["asked"]["cost"]) for arm in arms] == [(4, None)] * 2


def test_a_run_that_ended_goes_on_and_asks_finished_sites_nothing(folder: Path) -> None:
    def refuses_the_key(handler: Handler, asked: Asked) -> None:
        (sends(401) if window(asked) == BONES[1] else knows_all)(handler, asked)

    with serving(knows_all) as server:
        begin(folder, server.url)
        server.behave = refuses_the_key
        with pytest.raises(ModelError, match=r"found status 401, .* endpoint.key_variable holds"):
            go_on(folder)
        before, server.behave = len(server.asked), knows_all
        go_on(folder)
        after = [window(one) for one in server.asked[before:]]

    assert before == 6
    assert after == [*BONES, *HEART, *BONES]
    assert [f1(arm) for arm in told(folder)["arms"]] == [[1.0] * 6] * 2


def test_a_run_that_is_killed_goes_on_and_asks_finished_sites_nothing(folder: Path) -> None:
    def kills(handler: Handler, asked: Asked) -> None:
        if window(asked) == BONES[2]:
            os.kill(running.pid, signal.SIGKILL)
        knows_all(handler, asked)

    with serving(knows_all) as server:
        begin(folder, server.url)
        server.behave = kills
        program = [sys.executable, "-m", "tests.engines.endpoint.asked_run", str(folder)]
        with subprocess.Popen(program, cwd=ROOT) as running:
            assert running.wait(60) == -signal.SIGKILL
        before, server.behave = len(server.asked), knows_all
        go_on(folder)
        after = [window(one) for one in server.asked[before:]]

    assert before == 7
    assert after == [*BONES, *HEART, *BONES]
    # What the questions before the kill took, nobody knows.
    assert [arm["asked"]["requests"] for arm in told(folder)["arms"]] == [8, 8]


def test_nothing_is_opened_that_would_send_notes_away() -> None:
    away = experiment("https://api.example.org/v1")
    sites = {
        "heart": cohort("heart"),
        "bones": replace(cohort("bones"), public=True),
        # Nobody is asked about the server's own notes.
        "server": replace(cohort("heart"), name="server", role="server"),
    }

    with pytest.raises(InputError) as caught:
        open_endpoint(away, sites, ("problem",), environ=ENVIRON)

    assert [fault.where for fault in caught.value.faults] == ["site heart"]


def test_nothing_is_opened_without_the_key() -> None:
    with pytest.raises(InputError, match="environment: THEIR_KEY: found nothing"):
        open_endpoint(experiment(), cohorts(), ("problem",), environ={})


def test_an_engine_speaks_for_its_endpoint() -> None:
    engine = open_endpoint(experiment(), cohorts(), ("problem",), environ=ENVIRON)

    assert (engine.base, engine.num_base_bytes, engine.dtype, engine.initial()) == (
        "m1 at http://127.0.0.1:1/v1",
        0,
        "remote",
        {},
    )


def test_questions_are_asked_with_the_key_and_the_seed() -> None:
    with serving(says("[]")) as server:
        engine = open_endpoint(experiment(server.url), cohorts(), ("problem",), environ=ENVIRON)
        dict(engine.evaluate({}, ["heart"], Scope("dev", ("ner",), 1)))

    asked = server.asked[0]
    assert (asked.headers["authorization"], asked.body["seed"]) == ("Bearer k1", 3)
    assert [window(one) for one in server.asked] == [*ANSWERS][:2]


def test_a_long_sentence_is_asked_about_in_windows() -> None:
    words = Note("n1", "heart", " ".join(["pain"] * 20), (), ())
    long = {"heart": replace(cohort("heart"), dev=(words,))}
    with serving(says("[]")) as server:
        asking = experiment(server.url, more="window_words = 8\n")
        engine = open_endpoint(asking, long, ("problem",), environ=ENVIRON)
        dict(engine.evaluate({}, ["heart"], Scope("dev", ("ner",), 1)))

    # 20 words in as few windows of 8 as possible, cut evenly: 7, 7 and 6.
    assert [window(one).count("pain") for one in server.asked] == [7, 7, 6]


def test_asking_needs_no_model_code() -> None:
    program = "import sys, fedmedlora.engines.endpoint.opening; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert not {"torch", "transformers", "tokenizers"} & set(done.stdout.split())
