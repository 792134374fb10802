"""`audit leakage`, typed as a person would."""

import json
from pathlib import Path

from tests.cli.conftest import MARKER, Shell

# By site: attacked, two lines of membership, exposure, tokens.
_LINES = 5


def test_every_training_site_is_told_of(shell: Shell, finished: Path) -> None:
    said = shell("audit", "leakage", finished)

    lines = said.out.splitlines()
    assert said.code == 0
    assert [line.partition(":")[0] for line in lines[::_LINES]] == [
        "cardiology",
        "psychiatry",
        "paediatrics",
    ]
    assert "as no updates were kept" in lines[0]
    assert lines[1].startswith("  membership: AUC 0.")
    assert "(2 notes trained on, 4 others)" in lines[1]
    assert lines[2].startswith("  membership: TPR at 1 % FPR ")
    assert lines[3] == (
        "  exposure: not measured; no training note holds a number of six digits or more"
    )
    assert lines[4].startswith("  tokens: recall ")


def test_one_site_as_json_holds_no_text(shell: Shell, finished: Path) -> None:
    said = shell("audit", "leakage", finished, "--site", "psychiatry", "--json")

    document = json.loads(said.out)
    assert [one["site"] for one in document["sites"]] == ["psychiatry"]
    assert (document["arm"], document["privacy"]) == ("fed_medlora_plus", "none")
    assert MARKER not in said.out


def test_an_unknown_site_is_wrong_input(shell: Shell, finished: Path) -> None:
    said = shell("audit", "leakage", finished, "--site", "nephrology")

    assert said.code == 2
    assert "--site: found 'nephrology', expected one of cardiology" in said.err
