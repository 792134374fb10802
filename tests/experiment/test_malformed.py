"""The malformed corpus on the real path: the spool, the file, admission and the sum."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from tests.experiment.fakes import FakeEngine, experiment, new_store, toml
from tests.experiment.malformed import CLAIMS, FILES, HARMFUL
from tests.experiment.test_rounds import arm_of

from fedmedlora.experiment.rounds import run_rounds

Json = dict[str, Any]
TEXT = toml(("fed_medlora",), rounds=1)


def closed(folder: Path, engine: FakeEngine) -> Json:
    """Return the document of a round, in which every site enrolled with what it has."""
    with new_store(folder, TEXT) as store:
        arm = arm_of(experiment(TEXT), "fed_medlora")
        run_rounds(arm, experiment(TEXT), engine, store, shifts={})
        (document,) = store.rounds("fed_medlora")
        return document


@pytest.fixture(scope="module")
def without_lungs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the digest of what the other two sites come to."""
    engine = FakeEngine(failing={("lungs", 1): "away"})
    return str(closed(tmp_path_factory.mktemp("without"), engine)["adapter"])


def require_refused(folder: Path, claim: Json, code: str, without_lungs: str) -> None:
    document = closed(folder, FakeEngine(claims={"lungs": claim}))

    (absent,) = document["absences"]
    assert (absent["site"], absent["code"]) == ("lungs", code)
    assert absent["reason"].startswith("update of lungs: ")
    assert "expected" in absent["reason"]
    assert len(absent["reason"]) < 1000
    assert set(document["shares"]) == {"bones", "heart"}
    assert document["adapter"] == without_lungs


@pytest.mark.parametrize("case", FILES)
def test_a_broken_file_is_refused_and_the_round_is_as_if_its_site_were_absent(
    tmp_path: Path, without_lungs: str, case: str
) -> None:
    payload, code = FILES[case]

    require_refused(tmp_path, {"payload": payload}, code, without_lungs)


@pytest.mark.parametrize("case", CLAIMS)
def test_a_claim_that_cannot_be_is_refused_and_the_round_is_as_if_its_site_were_absent(
    tmp_path: Path, without_lungs: str, case: str
) -> None:
    claim, code = CLAIMS[case]

    require_refused(tmp_path, claim, code, without_lungs)


@pytest.mark.parametrize("form", HARMFUL)
def test_what_would_run_code_is_refused_and_runs_none(
    tmp_path: Path, without_lungs: str, form: str
) -> None:
    sentinel = tmp_path / "sentinel"
    payload = HARMFUL[form](sentinel)

    require_refused(tmp_path / "run", {"payload": payload}, "unreadable", without_lungs)

    assert not sentinel.exists()


def test_the_sentinel_would_be_there_had_any_of_them_been_loaded(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"

    pickle.loads(HARMFUL["pickle"](sentinel))  # noqa: S301 -- what nobody must do

    assert sentinel.exists()
