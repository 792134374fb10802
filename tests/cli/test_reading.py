import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import SITES, Shell, changed, experiment

from fedmedlora.formats.site_files import site_digest
from fedmedlora.formats.site_folder import read_site


def test_an_experiment_that_is_fit_to_run_says_who_takes_part(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    file = experiment(tmp_path, sites, base)

    said = shell("check", file)

    assert (said.code, said.err) == (0, "")
    *taking_part, verdict = said.out.splitlines()
    assert [line.split(", ")[0] for line in taking_part] == [
        f"{site}: {role}" for site, role in SITES.items()
    ]
    assert taking_part[0] == "cardiology: train, 2 training notes"
    server = site_digest(read_site(sites / "validation", required=("dev",)))
    assert taking_part[3] == f'validation: server, 2 validation notes, sha256 = "{server}"'
    assert verdict == f"{file}: fit to run"


def test_what_is_wrong_in_the_file_and_in_the_notes_is_told_at_once(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(sites, theirs)
    file = experiment(tmp_path, theirs, base)
    changed(file, "rounds", '"two"')
    changed(file, "num_threads", "1\nspeed = 3")
    (theirs / "oncology").mkdir()
    (theirs / "psychiatry" / "train.jsonl").write_text("{\n[]\n", encoding="utf-8")
    (theirs / "nephrology" / "site.json").unlink()

    said = shell("check", file)

    assert (said.code, said.out) == (2, "")
    for place in (
        f"{file}: [experiment].rounds: ",
        f"{file}: [training].speed: ",
        f"{theirs}/psychiatry/train.jsonl:1: ",
        f"{theirs}/psychiatry/train.jsonl:2: ",
        f"{theirs}/nephrology/site.json: ",
    ):
        assert said.err.count(place) == 1


def test_a_base_without_weights_and_a_faulty_note_are_told_at_once(
    shell: Shell, tmp_path: Path, sites: Path
) -> None:
    theirs, empty = tmp_path / "theirs", tmp_path / "empty"
    shutil.copytree(sites, theirs)
    empty.mkdir()
    (theirs / "psychiatry" / "train.jsonl").write_text("{\n", encoding="utf-8")

    said = shell("check", experiment(tmp_path, theirs, empty))

    assert (said.code, said.out) == (2, "")
    assert len(said.err.splitlines()) == 2
    assert "psychiatry/train.jsonl:1: " in said.err
    assert f"model '{empty}': found no *.safetensors" in said.err


@pytest.mark.parametrize(
    ("content", "reason"),
    [("[experiment", "small.toml:1: found "), (None, "found no readable file")],
)
def test_a_file_that_is_no_experiment_is_wrong_input(
    shell: Shell, tmp_path: Path, content: str | None, reason: str
) -> None:
    file = tmp_path / "small.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    said = shell("check", file)

    assert (said.code, said.out) == (2, "")
    assert reason in said.err


def test_a_report_is_written_beside_the_run_or_where_one_asks(
    shell: Shell, finished: Path, tmp_path: Path
) -> None:
    beside = shell("report", finished)
    elsewhere = shell("report", finished, "--out", tmp_path / "mine.html")

    assert (beside.code, beside.out, beside.err) == (0, f"{finished / 'report.html'}\n", "")
    assert elsewhere.out == f"{tmp_path / 'mine.html'}\n"
    assert (tmp_path / "mine.html").read_bytes() == (finished / "report.html").read_bytes()


def test_several_runs_are_one_page(shell: Shell, finished: Path, tmp_path: Path) -> None:
    page = tmp_path / "both.html"

    assert shell("report", finished, finished, "--out", page).code == 0

    assert page.read_text("utf-8").count("<article") == 2


def test_a_report_needs_a_run(shell: Shell, tmp_path: Path) -> None:
    said = shell("report", tmp_path)

    assert (said.code, said.out) == (2, "")
    assert "found no run" in said.err


def test_a_report_that_cannot_be_written_is_told_in_one_line(
    shell: Shell, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")

    said = shell("report", finished, "--out", tmp_path / "taken" / "mine.html")

    assert (said.code, said.out) == (3, "")
    assert said.err.count("\n") == 1
    assert "found 'File exists', expected room and permission" in said.err
