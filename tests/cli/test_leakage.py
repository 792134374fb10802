"""`audit leakage`, typed as a person would."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import MARKER, Shell, experiment

# By site: attacked, two lines of membership, exposure, tokens.
_LINES = 5


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """Return a run that may keep what is found of it."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def results_of(run: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((run / "results.json").read_text("utf-8"))
    return results


def test_every_training_site_is_told_of(shell: Shell, copied: Path) -> None:
    said = shell("audit", "leakage", copied)

    lines = said.out.splitlines()
    assert said.code == 0
    assert [line.partition(":")[0] for line in lines[::_LINES]] == [
        "cardiology",
        "psychiatry",
        "paediatrics",
    ]
    assert lines[0].endswith("as no updates were kept (fed_medlora_plus, without noise)")
    assert lines[1].startswith("  membership: AUC 0.")
    assert "(2 notes trained on, 4 others)" in lines[1]
    assert lines[2].startswith("  membership: TPR at 1 % FPR ")
    assert lines[3] == (
        "  exposure: not measured; it takes extraction and notes with numbers of six digits"
    )
    assert lines[4].startswith("  tokens: recall ")


def test_one_site_as_json_holds_no_text(shell: Shell, copied: Path) -> None:
    said = shell("audit", "leakage", copied, "--site", "psychiatry", "--json")

    document = json.loads(said.out)
    ((site, (attack,)),) = document["sites"].items()
    assert (site, attack["arm"], attack["noise"]) == ("psychiatry", "fed_medlora_plus", False)
    assert document["privacy"] == "none"
    assert MARKER not in said.out


def test_what_was_found_stands_in_the_results_and_the_report(shell: Shell, copied: Path) -> None:
    assert "Not measured" in (copied / "report.html").read_text("utf-8")

    for site in ("psychiatry", "cardiology", "psychiatry"):
        said = shell("audit", "leakage", copied, "--site", site, "--json")

    last = json.loads(said.out)["sites"]
    told = results_of(copied)["leakage"]
    # What was found of others before stays.
    assert sorted(told) == ["cardiology", "psychiatry"]
    assert told["psychiatry"] == last["psychiatry"]
    page = (copied / "report.html").read_text("utf-8")
    auc = last["psychiatry"][0]["membership"]["loss"]["auc"]["value"]
    assert "Not measured" not in page
    assert "got out of each site" in page
    assert f">{auc:.3f}<" in page
    # Asked for anew, the report says the same.
    shell("report", copied)
    assert (copied / "report.html").read_text("utf-8") == page


def test_a_signed_run_is_sealed_with_what_was_found(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    file = experiment(tmp_path, sites, base, arms=("fed_medlora",), rounds=1)
    file.write_text(f'{file.read_text("utf-8")}\n[audit]\nledger = "embedded"\n', "utf-8")
    run = tmp_path / "run"
    assert shell("run", file, "--out", run).code == 0

    assert shell("audit", "leakage", run, "--site", "cardiology").code == 0

    assert "leakage" in results_of(run)
    assert shell("audit", "verify", run).code == 0


def test_an_unknown_site_is_wrong_input(shell: Shell, copied: Path) -> None:
    said = shell("audit", "leakage", copied, "--site", "nephrology")

    assert said.code == 2
    assert "--site: found 'nephrology', expected one of cardiology" in said.err
    assert "leakage" not in results_of(copied)


def test_a_folder_without_a_run_is_wrong_input(shell: Shell, tmp_path: Path) -> None:
    said = shell("audit", "leakage", tmp_path)

    assert said.code == 2
    assert "found no run" in said.err
