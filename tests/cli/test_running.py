import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import MARKER, SITES, Shell, changed, experiment

from fedmedlora.experiment.store import RunStore

TRAINED = [name for name, role in SITES.items() if role == "train"]
SCORED = [name for name, role in SITES.items() if role != "server"]
COUNTS = {"tp", "fp", "fn", "precision", "recall", "f1"}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def told(finished: Path) -> Json:
    document: Json = json.loads((finished / "results.json").read_text("utf-8"))
    return document


def arms(told: Json) -> Iterator[Json]:
    yield from told["arms"]


def scores(told: Json) -> Iterator[Json]:
    for arm in arms(told):
        yield from arm["final"].values()
        yield from (s for one in arm["rounds"] for s in one["evaluation"].values())


def adapters(run: Path) -> list[Path]:
    return sorted((run / "adapters").iterdir())


def test_results_have_the_shape_of_the_interface(told: Json) -> None:
    assert (told["schema"], told["experiment"], told["seed"]) == (1, "small", 0)
    assert set(told["communication"]) == {"full_model_bytes", "adapter_bytes", "saving"}
    assert set(told["environment"]["usage"]) == {"seconds", "peak_memory_bytes"}
    for arm in arms(told):
        assert list(arm) == [
            "name",
            "kind",
            "model",
            "seconds",
            "best_round",
            "rounds",
            "final",
            "summary",
        ]
        assert set(arm["summary"]) == {
            "ner_strict_f1",
            "ner_lenient_f1",
            "re_strict_f1",
            "re_gold_strict_f1",
        }
        for spread in arm["summary"].values():
            assert list(spread) == ["mean", "min", "harmonic_mean", "std"]


def test_arms_have_the_names_and_kinds_of_the_interface(told: Json) -> None:
    kinds = {arm["name"]: arm["kind"] for arm in arms(told)}

    assert kinds == {
        "zero_shot": "zero_shot",
        **{f"single_site:{site}": "single_site" for site in TRAINED},
        "centralised": "centralised",
        "fed_medlora": "federated",
        "fed_medlora_plus": "federated",
        "local_only:gastroenterology": "new_site",
        "adapted:gastroenterology": "new_site",
    }


def test_rounds_have_the_shape_of_the_interface(told: Json, finished: Path) -> None:
    names = {path.stem for path in adapters(finished)}
    for arm in arms(told):
        for index, one in enumerate(arm["rounds"], start=1):
            assert set(one) >= {
                "round",
                "shares",
                "reports",
                "bytes_up",
                "bytes_down",
                "seconds",
                "adapter",
                "evaluation",
            }
            assert one["round"] == index
            assert sum(one["shares"].values()) == pytest.approx(1)
            assert one["adapter"] in names
            for report in one["reports"].values():
                assert set(report) == {"num_tokens", "validation_loss", "shift", "start_loss"}
    (plus,) = [arm for arm in arms(told) if arm["name"] == "fed_medlora_plus"]
    assert list(plus["rounds"][0]["shares"]) == sorted(TRAINED)
    assert all(r["validation_loss"] > 0 for r in plus["rounds"][0]["reports"].values())


def test_scores_have_the_shape_of_the_interface(told: Json) -> None:
    for score in scores(told):
        assert set(score) == {"split", "notes", "unaligned", "lost", "ner", "re", "re_gold"}
        for part in ("ner", "re", "re_gold"):
            if score[part] is None:
                continue
            assert set(score[part]) >= {"strict", "lenient", "by_type"}
            assert set(score[part]["strict"]) == set(score[part]["lenient"]) == COUNTS | {"ci95"}
            assert all(set(counts) == COUNTS for counts in score[part]["by_type"].values())


def test_who_is_scored_where_and_on_what(told: Json) -> None:
    for arm in arms(told):
        sites = ["gastroenterology"] if arm["kind"] == "new_site" else sorted(SCORED)
        assert sorted(arm["final"]) == sites
        assert {score["split"] for score in arm["final"].values()} == {"test"}
        for one in arm["rounds"]:
            assert {score["split"] for score in one["evaluation"].values()} <= {"dev"}
            assert all(score["re"] is None for score in one["evaluation"].values())
    # Annotates entities alone: unknown, not zero.
    assert arms_of(told, "fed_medlora")["final"]["paediatrics"]["re_gold"] is None


def arms_of(told: Json, name: str) -> Json:
    (arm,) = [arm for arm in arms(told) if arm["name"] == name]
    return arm


def test_the_same_experiment_ends_in_the_same_bytes(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, finished: Path
) -> None:
    file = experiment(tmp_path, sites, base)
    few = ("zero_shot", "fed_medlora")

    first = shell("run", file, "--out", tmp_path / "run", "--arms", ",".join(few))
    assert first.code == 0
    done = json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))
    assert [arm["name"] for arm in done["arms"]] == list(few)

    # By two processes now, which must not be seen in any byte.
    file.write_text(f"{file.read_text('utf-8')}\n[engine]\nworkers = 2\n", encoding="utf-8")
    rest = shell("run", file, "--out", tmp_path / "run", "--resume")
    assert rest.code == 0
    assert [p.name for p in adapters(tmp_path / "run")] == [p.name for p in adapters(finished)]


def test_a_run_says_where_its_report_lies_and_leaves_the_files_of_the_interface(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    file = experiment(tmp_path, sites, base, arms=("zero_shot",))

    said = shell("run", file, "--out", tmp_path / "run")

    assert (said.code, said.out) == (0, f"{tmp_path / 'run' / 'report.html'}\n")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "adapters",
        "environment.json",
        "experiment.toml",
        "report.html",
        "results.json",
        "run.lock",
        "run.sqlite",
    }
    (adapter,) = adapters(tmp_path / "run")
    assert re.fullmatch(r"[0-9a-f]{64}\.safetensors", adapter.name)


def test_a_run_is_not_begun_twice(shell: Shell, finished: Path) -> None:
    before = (finished / "results.json").stat().st_mtime_ns

    said = shell("run", finished.parent / "small.toml", "--out", finished)

    assert (said.code, said.out) == (2, "")
    assert "found a run that has begun" in said.err
    assert "--resume" in said.err
    assert (finished / "results.json").stat().st_mtime_ns == before


def test_there_is_nothing_to_resume_where_nothing_began(
    shell: Shell, finished: Path, tmp_path: Path
) -> None:
    said = shell("run", finished.parent / "small.toml", "--out", tmp_path / "new", "--resume")

    assert said.code == 2
    assert "found no run" in said.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("key", "value", "told_as"),
    [
        ("rounds", "7", "experiment.rounds: found 7, expected 2"),
        ("num_threads", "2", "training.num_threads: found 2, expected 1"),
        ("round_notes", "5", "evaluation.round_notes: found 5, expected 1"),
    ],
)
def test_a_changed_experiment_does_not_go_on(
    shell: Shell,
    finished: Path,
    key: str,
    value: str,
    told_as: str,
) -> None:
    other = finished.parent / f"{key}.toml"
    other.write_text((finished.parent / "small.toml").read_text("utf-8"), encoding="utf-8")
    changed(other, key, value)

    said = shell("run", other, "--out", finished, "--resume")

    assert (said.code, said.out) == (2, "")
    assert f"{finished}: {told_as}, as the run began" in said.err
    assert said.err.count("\n") == 1


def test_arms_that_the_experiment_has_not_are_refused(shell: Shell, finished: Path) -> None:
    said = shell("run", finished.parent / "small.toml", "--arms", "fed_medlora,joined,best")

    assert said.code == 2
    assert said.err.startswith("--arms: found 'best', 'joined', expected some of zero_shot, ")


def test_an_arm_needs_the_one_it_starts_from(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    file = experiment(tmp_path, sites, base)

    said = shell("run", file, "--out", tmp_path / "run", "--arms", "adapted")

    assert said.code == 2
    assert "--arms: found adapted without fed_medlora_plus" in said.err


def test_a_finished_run_needs_no_model_to_be_told_again(
    shell: Shell, finished: Path, base: Path
) -> None:
    before = [(path.name, path.stat().st_mtime_ns) for path in adapters(finished)]
    (finished / "report.html").unlink()
    hidden = base.rename(base.with_name("hidden"))
    base.mkdir()
    try:
        said = shell("run", finished.parent / "small.toml", "--out", finished, "--resume")
    finally:
        base.rmdir()
        hidden.rename(base)

    assert said.code == 0
    assert (finished / "report.html").is_file()
    assert [(path.name, path.stat().st_mtime_ns) for path in adapters(finished)] == before


def test_a_folder_that_cannot_be_made_is_told_in_one_line(
    shell: Shell, tmp_path: Path, finished: Path
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    said = shell("run", finished.parent / "small.toml", "--out", tmp_path / "file" / "run")

    assert (said.code, said.out) == (3, "")
    assert said.err.count("\n") == 1
    assert str(tmp_path / "file" / "run") in said.err


def diverging(file: Path) -> None:
    # So steep that a site with a second step finds no finite loss; one site has a single step.
    changed(file, "num_threads", "1\nlearning_rate = 1e30")
    changed(file, "rounds", "1\nquorum = 2")


def test_a_site_that_cannot_train_is_told_and_the_report_is_still_made(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    file = experiment(tmp_path, sites, base, arms=("zero_shot", "fed_medlora"), rounds=1)
    diverging(file)

    said = shell("run", file, "--out", tmp_path / "run")

    assert said.code == 3
    assert "arm fed_medlora: round: found 1 usable updates, expected at least 2" in said.err
    assert "\n  cardiology: training: found a loss of nan" in said.err
    assert "\n  psychiatry: training: found a loss of nan" in said.err
    assert said.out == f"{tmp_path / 'run' / 'report.html'}\n"
    with RunStore.open(tmp_path / "run") as store:
        assert store.arms() == ["zero_shot"]


def marked(sites: Path, folder: Path) -> Path:
    """Return copies of some sites whose every note holds a word that no message may hold."""
    for name in SITES:
        (folder / name).mkdir(parents=True)
        for file in (sites / name).iterdir():
            lines = file.read_text("utf-8")
            if file.suffix == ".jsonl":
                notes = [json.loads(line) for line in lines.splitlines()]
                lines = "".join(
                    f"{json.dumps({**note, 'text': note['text'] + f' {MARKER}.'})}\n"
                    for note in notes
                )
            (folder / name / file.name).write_text(lines, encoding="utf-8")
    return folder


def test_no_failing_command_tells_the_text_of_a_note(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = marked(sites, tmp_path / "theirs")
    file = experiment(tmp_path, theirs, base, arms=("zero_shot", "fed_medlora"), rounds=1)
    out = tmp_path / "run"
    diverging(file)

    said = [shell("run", file, "--out", out)]
    text = (theirs / "cardiology" / "train.jsonl").read_text("utf-8")
    (theirs / "cardiology" / "train.jsonl").write_text(text.replace("pain", "ache"), "utf-8")
    (theirs / "nephrology" / "dev.jsonl").write_text(f'{{"text": "{MARKER}', "utf-8")
    said += [
        shell("run", file, "--out", out, "--resume"),
        shell("check", file),
        shell("data", "check", theirs / "nephrology"),
        shell("evaluate", out, "--data", theirs / "nephrology"),
        shell("adapt", out, "--data", theirs / "nephrology", "--out", tmp_path / "new"),
    ]

    assert [one.code for one in said] == [3, 2, 2, 2, 2, 2]
    assert [one.err for one in said if MARKER in one.err or MARKER in one.out] == []
    assert MARKER not in caplog.text


def test_progress_is_talk_and_a_run_is_silent_but_for_it(
    tmp_path: Path, sites: Path, base: Path
) -> None:
    file = experiment(tmp_path, sites, base, arms=("fed_medlora",), rounds=1)
    program = "import sys; from fedmedlora.cli import main; sys.exit(main(sys.argv[1:]))"

    done = subprocess.run(
        [sys.executable, "-c", program, "run", str(file), "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0
    assert done.stdout == f"{tmp_path / 'run' / 'report.html'}\n"
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"fed_medlora: round 1 of 1: dev F1 (0\.\d{3}|undefined), \d+ s", lines[0])
    assert lines[1] == "fed_medlora: scored on 5 sites"


def test_a_run_without_out_goes_to_runs_by_name(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = experiment(tmp_path, sites, base, arms=("zero_shot",))

    assert shell("run", file).out == "runs/small/report.html\n"


def test_a_check_says_that_the_hub_was_not_asked(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    file = experiment(tmp_path, sites, base)
    file.write_text(file.read_text("utf-8").replace(str(base), "nobody/no-such-model"), "utf-8")

    said = shell("check", file)

    told = "fit to run, if 'nobody/no-such-model' is a model of the hub: that was not looked up"
    assert (said.code, said.out.splitlines()[-1]) == (0, f"{file}: {told}")


def test_a_report_goes_into_a_folder_that_was_not_there(
    shell: Shell, finished: Path, tmp_path: Path
) -> None:
    page = tmp_path / "new" / "page.html"

    said = shell("report", finished, "--out", page)

    assert (said.code, said.out) == (0, f"{page}\n")
    assert page.is_file()


def test_an_interrupted_run_says_how_it_goes_on(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "read_text", interrupted)

    said = shell("check", tmp_path / "small.toml")

    assert (said.code, said.err) == (
        130,
        "stopped; what was done is kept: go on with the same command, `run` with --resume\n",
    )
