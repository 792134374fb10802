"""Experiments with an arm that asks an endpoint: what it needs is there before anything runs."""

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Shell, changed, experiment
from tests.engines.endpoint.chat_server import says, serving

ARMS = ("zero_shot", "centralised", "endpoint_zero_shot")
AWAY = "https://api.example.org/v1"
HERE = "http://127.0.0.1:9/v1"
NO_KEY = "environment: THEIR_KEY: found nothing, expected the key of {}; export it, or set"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THEIR_KEY", raising=False)


def asking(folder: Path, sites: Path, base: Path, *, url: str, key: str = "THEIR_KEY") -> Path:
    file = experiment(folder, sites, base, arms=ARMS, rounds=1)
    section = f'[endpoint]\nurl = "{url}"\nmodel = "m1"\nkey_variable = "{key}"\n'
    file.write_text(f"{file.read_text('utf-8')}\n{section}", encoding="utf-8")
    return file


def private(sites: Path, folder: Path, *names: str) -> Path:
    """Return a copy of some sites, of which some are not public."""
    theirs = folder / "theirs"
    shutil.copytree(sites, theirs)
    for name in names:
        file = theirs / name / "site.json"
        told = json.loads(file.read_text("utf-8"))
        file.write_text(json.dumps({**told, "public": False}), encoding="utf-8")
    return theirs


def names_of_arms(run: Path) -> list[str]:
    arms = json.loads((run / "results.json").read_text("utf-8"))["arms"]
    return [arm["name"] for arm in arms]


def test_a_check_tells_the_key_that_is_missing_and_what_else_is_wrong(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    theirs = private(sites, tmp_path)
    (theirs / "psychiatry" / "train.jsonl").write_text("{\n", encoding="utf-8")

    said = shell("check", asking(tmp_path, theirs, base, url=HERE))

    assert (said.code, said.out) == (2, "")
    note, key = said.err.splitlines()
    assert note.startswith(f"{theirs}/psychiatry/train.jsonl:1: ")
    assert key.startswith(NO_KEY.format(HERE))


def test_notes_that_may_not_leave_are_told_before_anything_runs(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    theirs = private(sites, tmp_path, "psychiatry", "validation", "nephrology")
    file = asking(tmp_path, theirs, base, url=AWAY, key="")

    for said in (shell("check", file), shell("run", file, "--out", tmp_path / "run")):
        assert (said.code, said.out) == (2, "")
        found = f"found notes that are not public, to be sent to {AWAY}"
        assert [line.split(", expected")[0] for line in said.err.splitlines()] == [
            f"site psychiatry: {found}",
            f"site nephrology: {found}",
        ]
    assert not (tmp_path / "run").exists()


def test_an_experiment_that_may_ask_is_fit_to_run(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = asking(tmp_path, private(sites, tmp_path, "psychiatry"), base, url=HERE)
    monkeypatch.setenv("THEIR_KEY", "key-of-ours")

    assert shell("check", file).code == 0

    changed(file, "url", f'"{AWAY}"\nsends_notes = true')
    assert shell("check", file).code == 0

    monkeypatch.delenv("THEIR_KEY")
    changed(file, "arms", '["zero_shot"]')
    assert shell("check", file).code == 0


def test_a_check_tells_whose_notes_would_be_sent_and_where(
    shell: Shell, tmp_path: Path, sites: Path, base: Path
) -> None:
    file = asking(tmp_path, sites, base, url=AWAY, key="")

    document = json.loads(shell("check", file, "--json").out)
    # The server's notes, which the validation folder holds, are asked about by nobody.
    asked = [site["site"] for site in document["sites"] if site["role"] != "server"]
    assert document["sends_notes_to"] == {"url": AWAY, "sites": asked}
    assert len(asked) == len(document["sites"]) - 1
    verdict = shell("check", file).out.splitlines()[-1]
    assert verdict.endswith(f": fit to run; sends the notes of {len(asked)} sites to {AWAY}")

    changed(file, "arms", '["zero_shot"]')
    assert json.loads(shell("check", file, "--json").out)["sends_notes_to"] is None
    assert shell("check", file).out.endswith(": fit to run\n")


def test_a_key_is_needed_where_an_arm_that_asks_is_to_run(
    shell: Shell, tmp_path: Path, sites: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with serving(says("[]")) as server:
        file = asking(tmp_path, sites, base, url=server.url)

        begun = shell("run", file, "--out", out)
        assert (begun.code, out.exists()) == (2, False)
        assert begun.err.startswith(NO_KEY.format(server.url))

        assert shell("run", file, "--out", out, "--arms", "zero_shot").code == 0
        resumed = shell("run", file, "--out", out, "--resume")
        assert resumed.code == 2
        assert resumed.err.startswith(NO_KEY.format(server.url))
        # Nor does an arm run that needs no key.
        assert (names_of_arms(out), server.asked) == (["zero_shot"], [])

        monkeypatch.setenv("THEIR_KEY", "key-of-ours")
        assert shell("run", file, "--out", out, "--resume").code == 0
        monkeypatch.delenv("THEIR_KEY")
        # Nothing is left to be asked.
        assert shell("run", file, "--out", out, "--resume").code == 0

    assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer key-of-ours"}
    told = json.loads((out / "results.json").read_text("utf-8"))
    assert names_of_arms(out) == [*ARMS]
    assert told["models"]["endpoint"]["base"] == f"m1 at {server.url}"
    assert told["arms"][2]["asked"]["requests"] == len(server.asked)
    assert "key-of-ours" not in (out / "results.json").read_text("utf-8")
