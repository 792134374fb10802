"""What the page shows of a run, under way and done."""

from pathlib import Path

from starlette.testclient import TestClient
from tests.experiment.fakes import FakeEngine, cohorts, new_store, toml
from tests.serving.pages import served

from fedmedlora.experiment.run import run
from fedmedlora.serving.app import application
from fedmedlora.serving.federation import standing


def test_a_run_is_shown_with_rounds_sites_and_protections(tmp_path: Path) -> None:
    with new_store(tmp_path, toml()) as store:
        run(store.experiment(), FakeEngine(), store, cohorts())

    shown = standing(tmp_path / "run")

    arms = {arm["name"]: arm for arm in shown["arms"]}
    first = arms["fed_medlora"]["rounds"][0]
    trained = [site["name"] for site in shown["sites"] if site["role"] == "train"]
    assert arms["fed_medlora"]["finished"]
    assert sorted(first["shares"]) == sorted(trained)
    assert abs(sum(first["shares"].values()) - 1) < 1e-9
    assert first["bytes_up"] > 0
    assert ["Updates that go too far are scaled down", "always on"] in shown["protections"]
    assert shown["ledger"] == {"sealed": 0, "head": None}
    assert shown["privacy"] == []


def test_a_run_that_has_only_begun_is_shown(tmp_path: Path) -> None:
    new_store(tmp_path, toml()).close()

    shown = standing(tmp_path / "run")

    assert shown["arms"] == []
    assert shown["experiment"] == "fake"


def test_the_page_tells_of_its_run_alone(tmp_path: Path) -> None:
    new_store(tmp_path, toml()).close()

    own = TestClient(application(served(run=tmp_path / "run"))).get("/api/federation")
    none = TestClient(application(served())).get("/api/federation")
    gone = TestClient(application(served(run=tmp_path / "nothing"))).get("/api/federation")

    assert own.json()["experiment"] == "fake"
    assert (none.status_code, gone.status_code) == (404, 422)
