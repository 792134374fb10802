"""Benchmarks measure on demand only; here, that each can be run and compares like with like."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fedmedlora.tasks.tagging import IGNORED, TaggingExample

SCRIPTS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))


def imported(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{script.stem}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_says_what_it_measures(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = imported(script)
    monkeypatch.setattr(sys, "argv", [script.name, "--help"])

    with pytest.raises(SystemExit) as stopped:
        module.main()

    assert stopped.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"usage: {script.name}")
    assert str(module.__doc__).partition("\n")[0] in said


def test_the_trainer_learns_the_same_tags_as_one_label_a_token() -> None:
    module = imported(next(script for script in SCRIPTS if script.stem == "training_speed"))
    # Channels 0 and 1; O, B, I are 0, 1, 2.
    targets = np.array([[0, 0], [1, 0], [2, 1], [IGNORED, 2], [IGNORED, IGNORED]])

    labels = module._labels(TaggingExample((7,) * 5, targets))

    # B of channel 0 is 1, I of it 2; of channel 1 they are 3 and 4; the first channel goes first.
    assert labels == [0, 1, 2, 4, IGNORED]
