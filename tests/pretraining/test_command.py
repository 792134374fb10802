import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from fedmedlora.pretraining.__main__ import main
from fedmedlora.pretraining.recipe import Recipe


def test_what_another_recipe_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_by = tmp_path / "work" / "recipe.json"
    made_by.parent.mkdir()
    made_by.write_text(json.dumps(asdict(replace(Recipe(), vocabulary=600))), "utf-8")
    folders = [tmp_path / name for name in ("text", "work", "out")]
    monkeypatch.setattr("sys.argv", ["pretraining", *map(str, folders)])

    assert main() == 2

    assert f"{made_by}: found another recipe, expected that of this version" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()
