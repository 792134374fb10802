"""Thousands of requests that follow the interface's own description, and that break it."""

import warnings
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.serving.pages import served

from fedmedlora.serving.app import application

schemathesis = pytest.importorskip("schemathesis", reason="`make .venv/browsers` installs it")

_NUM_INPUTS = 10_000


@pytest.mark.slow
def test_no_request_is_too_much_for_it(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "n1.txt").write_text("No pain.", encoding="utf-8")
    app = application(served(tmp_path / "notes", tmp_path / "kept"))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in schema.get_all_operations()]
    open_ones = [one for one in operations if one.body or one.path_parameters]
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    answers: Counter[int] = Counter()

    for operation, mode in product(open_ones, modes):
        each = settings(
            max_examples=_NUM_INPUTS // (len(modes) * len(open_ones)),
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            deadline=None,
        )

        @each
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:  # noqa: ANN401
            answers[case.call().status_code] += 1

        with warnings.catch_warnings():
            # Of requests that no client would send.
            warnings.simplefilter("ignore")
            ask()

    assert len(open_ones) == 3
    assert sum(answers.values()) >= 0.9 * _NUM_INPUTS
    assert {status for status in answers if status >= 500} == set()
    assert {200, 404, 422} <= set(answers)
