from importlib import resources
from pathlib import Path

import pytest
from tests.cli.conftest import Shell, experiment

from fedmedlora.cli import running
from fedmedlora.experiment.config import read_experiment
from fedmedlora.experiment.results import results
from fedmedlora.experiment.store import RunStore
from fedmedlora.synthetic.hospitals import synthesize

BUNDLED = resources.files("fedmedlora.experiment") / "demo.toml"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "demo"


def small_demo(out: Path, sites: Path, base: Path) -> Path:
    """Return the experiment of a demo folder whose bundled experiment was a small one."""
    out.mkdir()
    return experiment(out, sites, base, arms=("zero_shot", "fed_medlora"), rounds=1).rename(
        out / "demo.toml"
    )


def test_a_demo_that_was_cut_short_goes_on_by_itself(
    shell: Shell, out: Path, sites: Path, base: Path
) -> None:
    file = small_demo(out, sites, base)
    shell("run", file, "--out", out, "--arms", "zero_shot")

    said = shell("demo", "--out", out)

    assert (said.code, said.out) == (0, f"{out / 'report.html'}\n")
    with RunStore.open(out) as store:
        assert store.arms() == ["zero_shot", "fed_medlora"]
        # What is kept of the demo says nothing about another experiment.
        assert "beside" not in results(store)


def test_a_finished_demo_only_writes_its_report_again(
    shell: Shell, out: Path, sites: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("run", small_demo(out, sites, base), "--out", out)
    (out / "report.html").unlink()

    stop_at_the_model(monkeypatch)
    said = shell("demo", "--out", out)

    assert (said.code, said.out) == (0, f"{out / 'report.html'}\n")
    assert (out / "report.html").is_file()


def stop_at_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "engine_of", interrupted)


def test_a_demo_brings_its_hospitals_and_its_experiment(
    shell: Shell, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at_the_model(monkeypatch)

    assert shell("demo", "--out", out).code == 130

    assert (out / "demo.toml").read_bytes() == BUNDLED.read_bytes()
    assert {path.name for path in (out / "hospitals").iterdir()} == set(synthesize())
    assert (out / "experiment.toml").read_bytes() == BUNDLED.read_bytes()
    with RunStore.open(out) as store:
        assert results(store)["beside"]["settings"]["model.formulation"] == "markup"
    # And once more, from where it stopped.
    assert shell("demo", "--out", out).code == 130


def test_a_demo_killed_before_its_run_began_begins_anew(
    shell: Shell, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at_the_model(monkeypatch)
    shell("data", "synthesize", "--out", out / "hospitals")
    (out / "hospitals" / "oncology" / "test.jsonl").unlink()
    (out / "demo.toml").write_text("[exper", encoding="utf-8")

    assert shell("demo", "--out", out).code == 130

    assert (out / "demo.toml").read_bytes() == BUNDLED.read_bytes()
    assert len(read_experiment(out / "demo.toml").sites) == len(synthesize())


def test_a_folder_of_something_else_is_left_alone(shell: Shell, out: Path) -> None:
    (out / "hospitals" / "cardiology").mkdir(parents=True)
    (out / "hospitals" / "cardiology" / "site.json").write_text("{}", encoding="utf-8")

    said = shell("demo", "--out", out)

    assert said.code == 2
    assert "found other content" in said.err
    assert (out / "hospitals" / "cardiology" / "site.json").read_text("utf-8") == "{}"
