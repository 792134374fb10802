"""Experiments with an arm of another model: its base is looked up as well, before anything runs."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from tests.cli.conftest import Shell, experiment
from tests.engines.endpoint.chat_server import says, serving


def with_bert(folder: Path, sites: Path, base: Path, *, arm: str = "bert", theirs: str) -> Path:
    file = experiment(folder, sites, base, arms=("zero_shot", arm))
    file.write_text(f'{file.read_text("utf-8")}\n[bert]\nbase = "{theirs}"\n', encoding="utf-8")
    return file


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_a_check_tells_what_each_model_lacks_once(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, empty: Path
) -> None:
    for own in (base, empty):
        said = shell("check", with_bert(tmp_path, sites, own, theirs=str(empty)))

        assert (said.code, said.out) == (2, "")
        (line,) = said.err.splitlines()
        assert line.startswith(f"model '{empty}': found no *.safetensors")


def test_a_run_does_not_begin_without_a_base_that_one_of_its_arms_needs(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, empty: Path
) -> None:
    file = with_bert(tmp_path, sites, base, theirs=str(empty))

    said = shell("run", file, "--out", tmp_path / "run")

    assert said.code == 2
    assert f"model '{empty}': found no *.safetensors" in said.err
    assert not (tmp_path / "run").exists()


def test_a_base_that_no_arm_uses_is_not_looked_at(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, empty: Path
) -> None:
    file = with_bert(tmp_path, sites, base, arm="fed_medlora", theirs=str(empty))

    assert shell("check", file).code == 0


def test_a_check_says_of_each_base_whether_it_was_looked_up(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    file = with_bert(tmp_path, sites, base, theirs="nobody/no-such-model")

    said, told = shell("check", file), shell("check", file, "--json")

    hub = "if 'nobody/no-such-model' is a model of the hub: that was not looked up"
    assert said.out.splitlines()[-1] == f"{file}: fit to run, {hub}"
    assert json.loads(told.out)["bases"] == {
        "own": {"name": str(base), "looked_up": True},
        "bert": {"name": "nobody/no-such-model", "looked_up": False},
    }


def test_a_model_that_fails_keeps_no_other_from_running_nor_from_the_report(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(base, broken)
    # What is wrong with these weights shows only once they are read.
    weights = load_file(broken / "model.safetensors")
    save_file(dict(list(weights.items())[1:]), broken / "model.safetensors", {"format": "pt"})
    file = experiment(tmp_path, sites, base, arms=("zero_shot", "bert", "endpoint_zero_shot"))

    with serving(says("[]")) as server:
        endpoint = f'[endpoint]\nurl = "{server.url}"\nmodel = "big"\n'
        bert = f'[bert]\nbase = "{broken}"\n'
        file.write_text(f"{file.read_text('utf-8')}\n{endpoint}{bert}", encoding="utf-8")
        said = shell("run", file, "--out", tmp_path / "run")

    assert said.code == 2
    assert f"model '{broken}': found 1 weights missing" in said.err
    told = json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))
    assert [arm["name"] for arm in told["arms"]] == ["zero_shot", "endpoint_zero_shot"]
    assert (tmp_path / "run" / "report.html").is_file()
