import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.errors import StoreError
from fedmedlora.experiment.results import results, write_results
from fedmedlora.experiment.store import RunStore

TOML = """
[experiment]
name = "demo"
seed = 7
rounds = 1
arms = ["fed_medlora"]

[model]
base = "minilm"

[[sites]]
path = "heart"
"""
SITES = [
    {"name": "bones", "role": "train", "public": True},
    {"name": "heart", "role": "train", "public": True},
    {"name": "lungs", "role": "external", "public": False},
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    toml = tmp_path / "demo.toml"
    toml.write_text(TOML, encoding="utf-8")
    with RunStore.create(tmp_path / "run", experiment_path=toml, environment={"a": "1"}) as made:
        yield made


def scores(strict: float | None, lenient: float | None = None) -> dict[str, Any]:
    return {
        "split": "test",
        "notes": 2,
        "ner": {"strict": {"f1": strict}, "lenient": {"f1": lenient}},
        "re": None,
        "re_gold": {"strict": {"f1": strict}},
    }


PLANNED = ("zero_shot", "single_site:heart", "fed_medlora")


def finish(store: RunStore, arm: str, by_site: dict[str, dict[str, Any]]) -> None:
    for site, of_site in by_site.items():
        store.put_final(arm, site, {"scores": of_site, "counts": "for intervals only"})
    document = {
        "kind": "federated",
        "model": "own",
        "seconds": 1.5,
        "best_round": 1,
        "start": "zero_shot",
    }
    store.put_arm(arm, document, position=PLANNED.index(arm))


def test_a_run_that_has_only_begun_has_no_arms(store: RunStore) -> None:
    told = results(store)

    assert told.pop("environment")["a"] == "1"
    assert told == {
        "schema": 1,
        "experiment": "demo",
        "seed": 7,
        "task": "extract",
        "preferred": "fed_medlora",
        "between_hospitals": False,
        "sites": [],
        "arms": [],
        "communication": None,
        "models": {},
        "comparisons": [],
    }


def test_a_run_whose_sites_told_facts_of_themselves_was_no_rehearsal(store: RunStore) -> None:
    store.put_meta("facts", {"heart": {}})

    assert results(store)["between_hospitals"] is True


def test_settings_are_told_by_their_dotted_keys_without_the_sites(store: RunStore) -> None:
    told = results(store)["environment"]["settings"]

    assert told["experiment.seed"] == 7
    assert told["training.batch_size"] == 16
    assert not any(key.startswith("sites") for key in told)


def test_what_the_run_used_stands_with_what_it_ran_on(store: RunStore) -> None:
    store.put_meta("usage", {"seconds": 2.5, "peak_memory_bytes": 7})

    environment = results(store)["environment"]

    assert environment["a"] == "1"
    assert environment["usage"] == {"seconds": 2.5, "peak_memory_bytes": 7}


def test_an_arm_is_told_with_rounds_final_scores_and_spread(store: RunStore) -> None:
    store.put_meta("sites", SITES)
    traffic = {"full_model_bytes": 4, "adapter_bytes": 3, "saving": 0.25}
    store.put_meta("models", {"own": {"base": "b", "dtype": "float32", **traffic}})
    store.put_meta("comparisons", [{"gain": 0.1}])
    store.put_round("fed_medlora", 1, {"round": 1, "shares": {"heart": 0.75, "bones": 0.25}})
    by_site = {"heart": scores(0.6, 0.8), "bones": scores(0.2, 0.8), "lungs": scores(1.0, 1.0)}

    finish(store, "fed_medlora", by_site)

    told = results(store)
    assert told["sites"] == SITES
    assert told["communication"] == traffic
    assert told["environment"]["dtype"] == "float32"
    assert told["comparisons"] == [{"gain": 0.1}]
    (arm,) = told["arms"]
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
    assert (arm["name"], arm["kind"], arm["seconds"], arm["best_round"]) == (
        "fed_medlora",
        "federated",
        1.5,
        1,
    )
    assert arm["rounds"] == [{"round": 1, "shares": {"heart": 0.75, "bones": 0.25}}]
    assert arm["final"] == by_site
    # Only the sites that train: (0.6 + 0.2) / 2 = 0.4; 2 / (1/0.6 + 1/0.2) = 2 / (20/3) = 0.3;
    # sqrt(((0.6 - 0.4)^2 + (0.2 - 0.4)^2) / 2) = 0.2.
    assert arm["summary"]["ner_strict_f1"] == pytest.approx(
        {"mean": 0.4, "min": 0.2, "harmonic_mean": 0.3, "std": 0.2}
    )
    assert arm["summary"]["ner_lenient_f1"] == pytest.approx(
        {"mean": 0.8, "min": 0.8, "harmonic_mean": 0.8, "std": 0.0}
    )
    assert arm["summary"]["re_gold_strict_f1"]["mean"] == pytest.approx(0.4)


def test_what_no_site_annotates_is_undefined(store: RunStore) -> None:
    store.put_meta("sites", SITES)

    finish(store, "fed_medlora", {"heart": scores(0.6)})

    nothing = {"mean": None, "min": None, "harmonic_mean": None, "std": None}
    assert results(store)["arms"][0]["summary"]["re_strict_f1"] == nothing


def test_a_site_without_a_figure_is_skipped_in_the_mean(store: RunStore) -> None:
    store.put_meta("sites", SITES)

    finish(store, "fed_medlora", {"heart": scores(0.6), "bones": scores(None)})

    assert results(store)["arms"][0]["summary"]["ner_strict_f1"]["mean"] == 0.6


def test_arms_stand_in_their_planned_order_whichever_finished_first(store: RunStore) -> None:
    for arm in ("fed_medlora", "zero_shot", "single_site:heart"):
        finish(store, arm, {})

    names = [arm["name"] for arm in results(store)["arms"]]
    assert names == list(PLANNED)


def test_the_file_holds_the_results_and_is_written_anew(store: RunStore) -> None:
    write_results(store)
    finish(store, "fed_medlora", {"heart": scores(0.6)})

    path = write_results(store)

    assert path == store.folder / "results.json"
    assert json.loads(path.read_text("utf-8")) == results(store)
    assert sorted(one.name for one in store.folder.glob(".*.part")) == []


def test_where_the_file_cannot_be_written_the_store_says_so(store: RunStore) -> None:
    (store.folder / "results.json").mkdir()

    with pytest.raises(StoreError, match=r"found .*expected a disk that can be read and written"):
        write_results(store)

    assert list(store.folder.glob(".*.part")) == []
