import json
from pathlib import Path

import pytest
from tests.cli.conftest import MARKER, Said, Shell

from fedmedlora.cli.notes import write_hospitals

ANNOTATIONS = "T1\tDisease 14 18\tpain\nT2\tWho 0 9\tXanthippe\nA1\tNegation T1\n"


def corpus(folder: Path, *, annotations: str = ANNOTATIONS) -> Path:
    for index in range(3):
        (folder / "heart").mkdir(parents=True, exist_ok=True)
        place = folder / "heart" / f"n{index}"
        place.with_suffix(".txt").write_text(f"{MARKER} has pain.", encoding="utf-8")
        place.with_suffix(".ann").write_text(annotations, encoding="utf-8")
    return folder / "heart"


def bring(shell: Shell, source: Path, out: Path, *more: str) -> Said:
    return shell("data", "import", "--from", "brat", source, "--out", out, *more)


def test_notes_come_in_and_what_does_not_is_told(shell: Shell, tmp_path: Path) -> None:
    source, out = corpus(tmp_path / "brat"), tmp_path / "site"

    said = shell(
        "data", "import", "--from", "brat", source, "--out", out, "--map", "Disease=problem"
    )

    assert (said.code, said.out) == (0, f"{out}\n")
    assert "left out: 3 attributes\nleft out: 3 entities of type Who\n" in said.err
    assert "no dev there" in said.err
    assert shell("data", "check", out).code == 0
    assert json.loads((out / "site.json").read_text("utf-8"))["entities"] == ["problem"]


def test_json_says_the_same(shell: Shell, tmp_path: Path) -> None:
    source, out = corpus(tmp_path / "brat"), tmp_path / "site"

    said = bring(shell, source, out, "--map", "Who=problem", "--json")

    told = json.loads(said.out)
    assert told["site"] == "heart"
    assert sum(told["notes"].values()) == 3
    assert told["left_out"]["entities of type Disease"] == 3


def test_every_fault_is_told_and_nothing_written(shell: Shell, tmp_path: Path) -> None:
    source = corpus(tmp_path / "brat", annotations="T1\tDisease 14 99\tpain\n")

    said = shell("data", "import", "--from", "brat", source, "--out", tmp_path / "site")

    assert (said.code, said.out) == (2, "")
    assert said.err.count("n") >= 3
    assert [f"n{index}.ann:1: found offsets 14 to 99" in said.err for index in range(3)] == [
        True
    ] * 3
    assert MARKER not in said.err
    assert not (tmp_path / "site").exists()


def test_a_source_without_a_type_of_ours_is_told_which_there_are(
    shell: Shell, tmp_path: Path
) -> None:
    said = bring(shell, corpus(tmp_path / "brat"), tmp_path / "site")

    assert said.code == 2
    assert "found entities of type Disease, entities of type Who, expected one of" in said.err
    assert not (tmp_path / "site").exists()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hospitals(tmp_path_factory.mktemp("invented"), seed=0, num_notes=10)["cardiology"]


@pytest.mark.parametrize("name", ["brat", "bioc", "pubtator", "i2b2", "n2c2", "hf", "jsonl"])
def test_there_and_back(shell: Shell, tmp_path: Path, site: Path, name: str) -> None:
    there, back = tmp_path / "there", tmp_path / "back"

    exported = shell("data", "export", "--to", name, site, "--out", there)
    imported = shell("data", "import", "--from", name, there, "--out", back, "--site", "cardiology")

    assert (exported.code, imported.code) == (0, 0)
    assert (back / "test.jsonl").read_bytes() == (site / "test.jsonl").read_bytes()


def test_persons_are_put_as_placeholders_and_names_are_said_to_stay(
    shell: Shell, tmp_path: Path
) -> None:
    pytest.importorskip("presidio_analyzer")
    text = f"{MARKER} of 212-555-0187 has pain."
    for index in range(2):
        (tmp_path / f"n{index}.txt").write_text(text, encoding="utf-8")
        (tmp_path / f"n{index}.ann").write_text("T1\tproblem 30 34\tpain\n", encoding="utf-8")

    said = bring(shell, tmp_path, tmp_path / "site", "--site", "a", "--pseudonymise")

    assert said.code == 0
    assert "replaced: 2 PHONE\n" in said.err
    assert "names of people and places are not found that way" in said.err
    note = json.loads((tmp_path / "site" / "dev.jsonl").read_text("utf-8"))
    assert note["text"] == f"{MARKER} of [PHONE_1] has pain."
    assert note["entities"][0]["text"] == "pain"


def test_a_pair_that_is_none_is_told(shell: Shell, tmp_path: Path) -> None:
    said = shell("data", "import", "--from", "brat", tmp_path, "--out", "x", "--map", "Disease")

    assert said.code == 2
    assert "found 'Disease', expected THEIRS=OURS" in said.err
