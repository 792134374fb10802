from collections.abc import Sequence

import numpy as np
import pytest
from tests.engines.endpoint.chat_server import Waits, says, sends, serving

from fedmedlora.engines.endpoint.backbone import EndpointBackbone
from fedmedlora.experiment.baselines import Endpoint
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.tasks.items import answer_schema
from fedmedlora.tasks.prompting import PromptExample, said_by

EXAMPLE = PromptExample("List problems.\n", "Pain.", "[]", answer_schema(("problem",)))
NOWHERE = "http://127.0.0.1:1/v1"


def backbone(
    url: str = NOWHERE, *, attempts: int = 1, waits: Waits | None = None
) -> EndpointBackbone:
    endpoint = Endpoint(url=url, model="m1", attempts=attempts, at_once=1)
    return EndpointBackbone(endpoint, key="k1", seed=5, sleep=waits or Waits())


def test_has_no_weights() -> None:
    made = backbone()

    assert (made.digest, made.num_bytes, made.dtype) == (f"m1 at {NOWHERE}", 0, "remote")
    assert made.initial() == {}


def test_an_answer_is_what_was_said_and_why_it_is_none() -> None:
    behaviours = [says("[1"), says("[2", finish="length"), sends(500), says('{"findings": []}')]
    with serving(*behaviours) as server:
        made = backbone(server.url)
        outputs = made.answer({}, [EXAMPLE] * 4)

    assert [said_by(output.values) for output in outputs] == [
        ("[1", None),
        ("[2", "cut_off"),
        ("", "no_answer"),
        ('{"findings": []}', None),
    ]
    # The first is no list of items; the second is counted for what it is.
    spent = made.spent()
    assert [spent[name] for name in ("requests", "unreadable", "cut_off", "no_answer")] == [
        4,
        1,
        1,
        1,
    ]


def test_what_was_spent_is_not_changed_by_what_is_spent_later() -> None:
    with serving(says("[]")) as server:
        made = backbone(server.url)
        before = made.spent()
        made.answer({}, [EXAMPLE])

    assert (before["requests"], made.spent()["requests"]) == (0, 1)


def test_a_question_is_put_as_the_endpoint_is_described() -> None:
    with serving(sends(503), says("[]")) as server:
        backbone(server.url, attempts=2, waits=(waits := Waits())).answer({}, [EXAMPLE])

    assert len(waits.seconds) == 1
    asked = server.asked[1]
    assert (asked.body["model"], asked.body["seed"], asked.last) == (
        "m1",
        5,
        "List problems.\nPain.",
    )
    assert asked.headers["authorization"] == "Bearer k1"


def test_no_adapter_changes_it() -> None:
    with pytest.raises(ValueError, match="found an adapter of 1 tensors, expected none"):
        backbone().answer({"w": np.zeros(1, np.float32)}, [EXAMPLE])


@pytest.mark.parametrize("examples", [[], [EXAMPLE]])
def test_it_is_only_asked(examples: Sequence[PromptExample]) -> None:
    with pytest.raises(ValueError, match="to train on; an endpoint is only asked"):
        backbone().train({}, examples, LocalPlan(seed=1, round_index=1, num_rounds=1))
    with pytest.raises(ValueError, match="for a loss; an endpoint is only asked"):
        backbone().loss({}, examples)
