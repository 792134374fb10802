import json
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Shell

from fedmedlora.cli.adapters import _lines
from fedmedlora.tasks.counts import site_scores
from fedmedlora.tasks.findings import Findings
from fedmedlora.tasks.kinds.extract import KIND
from fedmedlora.tasks.scoring import PARTS, count_note

FIGURES = {"tp", "fp", "fn", "precision", "recall", "f1", "ci95"}


@pytest.fixture(scope="module")
def exported(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fedmedlora.cli import main  # noqa: PLC0415 -- once for the module

    folder = tmp_path_factory.mktemp("exported") / "adapter"
    code = main(["export", str(finished), "--to", "peft", "--out", str(folder)])
    if code:
        pytest.fail(f"export ended with {code}")
    return folder


def test_an_adapter_is_exported_as_peft_has_it(exported: Path) -> None:
    assert {path.name for path in exported.iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_an_exported_adapter_is_scored_as_in_its_run(
    shell: Shell, finished: Path, exported: Path, sites: Path
) -> None:
    told = json.loads((finished / "results.json").read_text("utf-8"))
    (plus,) = [arm for arm in told["arms"] if arm["name"] == "fed_medlora_plus"]

    of_run = shell("evaluate", finished, "--data", sites / "nephrology", "--json")
    of_folder = shell("evaluate", exported, "--data", sites / "nephrology", "--json")

    assert (of_run.code, of_run.out) == (0, of_folder.out)
    scores = json.loads(of_run.out)
    assert (scores["split"], scores["notes"]) == ("test", 2)
    for part in ("ner", "re", "re_gold"):
        counts = {k: v for k, v in scores[part]["strict"].items() if k != "ci95"}
        in_run = plus["final"]["nephrology"][part]["strict"]
        assert counts == {k: v for k, v in in_run.items() if k != "ci95"}


def test_scores_can_be_read(shell: Shell, finished: Path, sites: Path) -> None:
    said = shell("evaluate", finished, "--data", sites / "paediatrics", "--arm", "zero_shot")

    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[:2] == ["zero_shot of small, untrained", "2 notes of test"]
    # The site annotates entities alone.
    assert [line.split()[:2] for line in lines[2:]] == [["ner", "strict"], ["ner", "lenient"]]
    assert "precision" in lines[2]


def test_what_an_answer_announced_in_vain_stands_under_the_scores() -> None:
    counts = count_note(Findings(()), Findings((), lost=("repeated", "no_text", "repeated")))

    scores = site_scores(counts, num_notes=1, split="test", parts=PARTS, scored=PARTS)
    lines = list(_lines(scores, KIND))

    assert lines[:2] == [
        "1 notes of test",
        "Lost: 1 around no word, 2 a second time.",
    ]


def test_as_many_notes_are_scored_as_are_asked_for(
    shell: Shell, exported: Path, sites: Path
) -> None:
    words = ["--data", sites / "nephrology", "--max-notes", 1, "--json"]

    assert json.loads(shell("evaluate", exported, *words).out)["notes"] == 1


def test_who_only_scores_needs_no_training_notes(
    shell: Shell, exported: Path, sites: Path, tmp_path: Path
) -> None:
    for name in ("site.json", "dev.jsonl"):
        (tmp_path / name).write_bytes((sites / "nephrology" / name).read_bytes())

    on_dev = shell("evaluate", exported, "--data", tmp_path)
    on_train = shell("evaluate", exported, "--data", tmp_path, "--split", "train")

    assert on_dev.code == 0
    assert (on_train.code, on_train.out) == (2, "")
    assert on_train.err.startswith(f"{tmp_path / 'train.jsonl'}: found no such file")


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_every_split_can_be_scored(shell: Shell, exported: Path, sites: Path, split: str) -> None:
    words = ["--data", sites / "nephrology", "--split", split, "--json"]

    assert json.loads(shell("evaluate", exported, *words).out)["split"] == split


def test_a_site_without_test_notes_is_scored_on_dev_and_marked_so(
    shell: Shell, exported: Path, sites: Path, tmp_path: Path
) -> None:
    for name in ("site.json", "train.jsonl", "dev.jsonl"):
        (tmp_path / name).write_bytes((sites / "nephrology" / name).read_bytes())

    said = shell("evaluate", exported, "--data", tmp_path, "--json")

    assert json.loads(said.out)["split"] == "dev"


def test_a_new_site_trains_on_and_sees_what_it_gained(
    shell: Shell, exported: Path, sites: Path, tmp_path: Path
) -> None:
    site, out = sites / "gastroenterology", tmp_path / "new"
    options = ["--data", site, "--rounds", 1, "--max-notes", 1, "--out", out, "--json"]
    given = shutil.copytree(exported, tmp_path / "given")
    facts = json.loads((given / "fedmedlora.json").read_text("utf-8"))
    sure = {**facts, "calibration": {"ner": [0.5], "re": [0.25]}}
    (given / "fedmedlora.json").write_text(json.dumps(sure), "utf-8")

    said = shell("adapt", given, *options)

    assert (said.code, said.err) == (0, "")
    told = json.loads(said.out)
    assert set(told) == {"origin", "before", "trained", "after", "adapter"}
    assert told["origin"].startswith("fed_medlora_plus of small, round ")
    assert told["trained"] == {"notes": 1, "rounds": 1}
    assert set(told["after"]["ner"]["strict"]) == FIGURES
    assert told["adapter"] == str(out)
    weights = "adapter_model.safetensors"
    assert (out / weights).read_bytes() != (exported / weights).read_bytes()
    # How sure the other adapter was says nothing of this one.
    adapted = json.loads((out / "fedmedlora.json").read_text("utf-8"))
    assert adapted["calibration"] == {"ner": [], "re": []}
    after = shell("evaluate", out, "--data", site, "--json")
    origin = f"{told['origin']}, after training (notes: 1, rounds: 1)"
    assert json.loads(after.out) == {"origin": origin, **told["after"]}


def test_commands_that_only_read_a_run_leave_its_folder_alone(
    shell: Shell, finished: Path, sites: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    new_site = ["--data", sites / "gastroenterology", "--rounds", 1, "--max-notes", 1]

    for words in (
        ["report", finished, "--out", tmp_path / "page.html"],
        ["evaluate", finished, "--data", sites / "nephrology"],
        ["export", finished, "--to", "peft", "--out", tmp_path / "adapter"],
        ["export", finished, "--to", "merged", "--out", tmp_path / "merged"],
        ["adapt", finished, *new_site, "--out", tmp_path / "new"],
    ):
        assert shell(*words).code == 0

    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before
    assert not list(finished.glob("run.sqlite-*"))


def test_a_new_sites_gain_can_be_read(
    shell: Shell, exported: Path, sites: Path, tmp_path: Path
) -> None:
    options = ["--data", sites / "gastroenterology", "--rounds", 1, "--out", tmp_path / "new"]

    said = shell("adapt", exported, *options)

    lines = said.out.splitlines()
    assert (lines[1], lines[-1]) == ("before", str(tmp_path / "new"))
    assert lines.count("after training (notes: 2, rounds: 1)") == 1


def test_a_folder_in_use_is_refused_before_anything_trains(
    shell: Shell, exported: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")

    said = [
        # It is looked at before the notes, and so before any training.
        shell("adapt", exported, "--data", tmp_path / "gone", "--out", tmp_path),
        shell("export", exported, "--to", "peft", "--out", tmp_path),
    ]

    expected = "found a folder in use, expected a new or empty one; name another --out"
    assert [(one.code, one.out, one.err) for one in said] == [
        (2, "", f"{tmp_path}: {expected}\n")
    ] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_arm_that_is_not_there_is_refused_with_those_that_are(
    shell: Shell, finished: Path, sites: Path
) -> None:
    said = shell("evaluate", finished, "--data", sites / "nephrology", "--arm", "best")

    assert (said.code, said.out) == (2, "")
    assert "--arm: found 'best', which is no finished arm, expected one of zero_shot, " in said.err


def test_where_no_federated_arm_is_finished_one_must_be_named(
    shell: Shell, finished: Path, sites: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert (
        shell("run", finished.parent / "small.toml", "--out", run, "--arms", "zero_shot").code == 0
    )

    words = ["evaluate", run, "--data", sites / "nephrology"]
    unnamed, named = shell(*words), shell(*words, "--arm", "zero_shot")

    assert (unnamed.code, unnamed.out) == (2, "")
    expected = "--arm: found no federated arm that is finished, expected one of zero_shot"
    assert expected in unnamed.err
    assert named.code == 0


@pytest.mark.parametrize("command", ["evaluate", "adapt"])
def test_neither_run_nor_adapter_is_wrong_input(
    shell: Shell, tmp_path: Path, sites: Path, command: str
) -> None:
    said = shell(command, tmp_path, "--data", sites / "nephrology")

    assert (said.code, said.out) == (2, "")
    assert str(tmp_path) in said.err


def test_another_base_is_refused(shell: Shell, finished: Path, sites: Path, base: Path) -> None:
    weights = base / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        said = shell("evaluate", finished, "--data", sites / "nephrology")
    finally:
        weights.write_bytes(content)

    assert (said.code, said.out) == (2, "")
    assert "found sha256" in said.err
