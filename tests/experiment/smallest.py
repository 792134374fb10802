"""The smallest experiment there is, to be made wrong in one place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fedmedlora.errors import InputError
from fedmedlora.experiment.config import read_experiment

SMALLEST = """
[experiment]
name = "demo"
rounds = 3
arms = ["zero_shot", "fed_medlora"]

[model]
base = "minilm"

[[sites]]
path = "heart"

[[sites]]
path = "bones"
"""

Write = Callable[[str], Path]


def faults(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_experiment(path)
    return [str(fault).replace(f"{path}", "demo.toml") for fault in caught.value.faults]


def with_line(line: str, *, after: str) -> str:
    return SMALLEST.replace(after, f"{after}\n{line}")
