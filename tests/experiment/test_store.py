import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedmedlora.errors import InputError, ModelError, StoreError
from fedmedlora.experiment.config import Experiment, SiteEntry, read_experiment
from fedmedlora.experiment.store import RunStore

TOML = """
[experiment]
name = "demo"  # a comment stays
rounds = 3
arms = ["fed_medlora"]

[model]
base = "minilm"

[[sites]]
path = "heart"
"""

Weights = dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "given" / "demo.toml"
    (path.parent / "heart").mkdir(parents=True)
    path.write_text(TOML, encoding="utf-8")
    return path


@pytest.fixture
def store(toml: Path, tmp_path: Path) -> Iterator[RunStore]:
    with RunStore.create(tmp_path / "run", experiment_path=toml, environment={"a": "1"}) as made:
        yield made


def weights(value: float) -> Weights:
    return {"w": np.full((2, 3), value, dtype=np.float32)}


def test_a_new_run_keeps_the_experiment_verbatim_and_the_environment(
    store: RunStore, toml: Path
) -> None:
    assert (store.folder / "experiment.toml").read_bytes() == toml.read_bytes()
    assert json.loads((store.folder / "environment.json").read_text("utf-8")) == {"a": "1"}
    assert store.environment() == {"a": "1"}
    assert store.experiment() == read_experiment(toml)


def test_a_folder_with_a_run_is_refused(store: RunStore, toml: Path) -> None:
    store.close()

    with pytest.raises(InputError, match=r"found a run that has begun.*--resume.*another --out"):
        RunStore.create(store.folder, experiment_path=toml, environment={})


def test_another_experiment_in_the_folder_is_not_written_over(toml: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "experiment.toml").write_text("mine", encoding="utf-8")

    with pytest.raises(InputError, match="found another experiment"):
        RunStore.create(folder, experiment_path=toml, environment={})

    assert (folder / "experiment.toml").read_text("utf-8") == "mine"


def test_a_start_that_was_cut_off_can_be_made_again(toml: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "experiment.toml").write_bytes(toml.read_bytes())
    sqlite3.connect(folder / "run.sqlite").close()

    with pytest.raises(InputError, match="found no run"):
        RunStore.open(folder)
    with RunStore.create(folder, experiment_path=toml, environment={}) as store:
        assert store.arms() == []


@pytest.mark.parametrize("writable", [True, False])
def test_a_folder_without_a_run_cannot_be_opened(tmp_path: Path, writable: bool) -> None:
    with pytest.raises(InputError, match="found no run, expected the folder of a run"):
        RunStore.open(tmp_path / "gone", writable=writable)

    assert not (tmp_path / "gone").exists()


def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_text("not a database, and long enough to tell" * 40)

    with pytest.raises(StoreError, match="found a damaged database"):
        RunStore.open(tmp_path)


def test_reading_a_run_at_rest_leaves_nothing_beside_it_and_needs_no_room(store: RunStore) -> None:
    store.put_meta("sites", ["heart"])
    store.close()
    before = sorted(store.folder.iterdir())
    store.folder.chmod(0o500)
    try:
        with RunStore.open(store.folder) as reader:
            assert reader.meta("sites") == ["heart"]
            assert sorted(store.folder.iterdir()) == before
    finally:
        store.folder.chmod(0o700)

    assert sorted(store.folder.iterdir()) == before
    assert not list(store.folder.glob("run.sqlite-*"))


def test_a_run_at_work_is_read_with_all_it_has_written(store: RunStore) -> None:
    store.put_meta("sites", ["heart"])

    with RunStore.open(store.folder) as reader:
        assert reader.meta("sites") == ["heart"]
        store.put_meta("sites", ["heart", "bones"])
        assert reader.meta("sites") == ["heart", "bones"]


def test_another_version_is_refused(store: RunStore) -> None:
    store.close()
    connection = sqlite3.connect(store.folder / "run.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(StoreError, match="found a run store of version 99, expected 8"):
        RunStore.open(store.folder)


def test_every_commit_waits_for_the_disk(store: RunStore) -> None:
    connection = store._database._connection

    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # 2 is FULL


def test_two_writers_cannot_share_a_folder(store: RunStore) -> None:
    with pytest.raises(StoreError, match="found another process at work in it"):
        RunStore.open(store.folder, writable=True)
    store.close()
    RunStore.open(store.folder, writable=True).close()


def test_a_run_can_be_read_while_it_goes_on(store: RunStore) -> None:
    store.put_round("fed", 1, {"round": 1})

    with RunStore.open(store.folder) as reader:
        store.put_round("fed", 2, {"round": 2})

        assert reader.rounds("fed") == [{"round": 1}, {"round": 2}]


def test_a_store_opened_for_reading_is_not_written(store: RunStore) -> None:
    with (
        RunStore.open(store.folder) as reader,
        pytest.raises(ValueError, match="opened for reading"),
    ):
        reader.put_meta("sites", [])


def test_a_finished_run_can_be_read_where_nothing_can_be_written(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put_meta("sites", [1])
    store.close()
    before = sorted(path.name for path in store.folder.iterdir())
    # A super-user may write anywhere, so the folder's own mode cannot say no to every test run.
    monkeypatch.setattr("os.access", lambda *_: False)

    with RunStore.open(store.folder) as reader:
        assert reader.meta("sites") == [1]
        assert sorted(path.name for path in store.folder.iterdir()) == before


def test_what_is_put_is_there_after_opening_again(store: RunStore) -> None:
    adapter = store.adapters.put(weights(1.5))
    store.put_site_update("key", {"site": "heart", "sha256": adapter})
    store.put_round("fed", 1, {"adapter": adapter, "shares": {"heart": 1.0}})
    store.put_final("fed", "heart", {"scores": {"notes": 3}})
    store.put_arm("fed", {"kind": "federated"}, position=0)
    store.put_meta("sites", [{"name": "heart"}])
    store.put_drawn("fed", [{"id": "n1"}])
    store.close()

    with RunStore.open(store.folder) as read:
        assert read.site_update("key") == {"site": "heart", "sha256": adapter}
        assert read.rounds("fed") == [{"adapter": adapter, "shares": {"heart": 1.0}}]
        assert read.final("fed", "heart") == {"scores": {"notes": 3}}
        assert read.finals("fed") == {"heart": {"scores": {"notes": 3}}}
        assert read.arm("fed") == {"kind": "federated"}
        assert read.meta("sites") == [{"name": "heart"}]
        assert read.drawn() == {"fed": [{"id": "n1"}]}
        np.testing.assert_array_equal(read.adapters.get(adapter)["w"], weights(1.5)["w"])


def test_what_was_not_put_is_not_there(store: RunStore) -> None:
    assert store.site_update("key") is None
    assert store.final("fed", "heart") is None
    assert store.arm("fed") is None
    assert store.meta("sites") is None
    assert (store.rounds("fed"), store.finals("fed"), store.arms(), store.drawn()) == (
        [],
        {},
        [],
        {},
    )


def test_arms_keep_their_order_and_rounds_their_arm(store: RunStore) -> None:
    for position, arm in ((7, "adapted"), (0, "zero_shot"), (5, "fed_medlora")):
        store.put_arm(arm, {}, position=position)
        store.put_round(arm, 1, {"of": arm})

    assert store.arms() == ["zero_shot", "fed_medlora", "adapted"]
    assert store.rounds("fed_medlora") == [{"of": "fed_medlora"}]


@pytest.mark.parametrize("round_index", [0, 1, 3])
def test_rounds_have_no_gap_and_no_second_time(store: RunStore, round_index: int) -> None:
    store.put_round("fed", 1, {"round": 1})

    with pytest.raises(ValueError, match=f"found round {round_index}, expected 2"):
        store.put_round("fed", round_index, {"round": "other"})

    assert store.rounds("fed") == [{"round": 1}]


@pytest.mark.parametrize(
    "put",
    [
        lambda store, value: store.put_site_update("key", {"n": value}),
        lambda store, value: store.put_final("fed", "heart", {"n": value}),
        lambda store, value: store.put_arm("fed", {"n": value}, position=0),
    ],
)
def test_what_is_decided_once_is_not_put_twice(
    store: RunStore, put: Callable[[RunStore, int], None]
) -> None:
    put(store, 1)

    with pytest.raises(ValueError, match="found a second put"):
        put(store, 2)

    found = (store.site_update("key"), store.final("fed", "heart"), store.arm("fed"))
    assert [one for one in found if one is not None] == [{"n": 1}]


def test_what_sums_up_may_be_put_again(store: RunStore) -> None:
    for value in (1, 2):
        store.put_meta("communication", {"n": value})
        store.put_drawn("fed", [{"n": value}])

    assert store.meta("communication") == {"n": 2}
    assert store.drawn() == {"fed": [{"n": 2}]}


@pytest.mark.parametrize("key", ["adapter", "delta", "sha256"])
def test_no_row_names_an_adapter_that_is_not_there(store: RunStore, key: str) -> None:
    document = {key: "0" * 64}

    with pytest.raises(ValueError, match="found no file"):
        store.put_round("fed", 1, document)
    with pytest.raises(ValueError, match="found no file"):
        store.put_site_update("key", document)
    with pytest.raises(ValueError, match="found no file"):
        store.put_arm("fed", document, position=0)

    assert (store.rounds("fed"), store.site_update("key"), store.arms()) == ([], None, [])


def test_an_undefined_number_must_be_null(store: RunStore) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.put_round("fed", 1, {"seconds": float("nan")})

    assert store.rounds("fed") == []


def test_an_altered_adapter_is_not_handed_out(store: RunStore) -> None:
    sha256 = store.adapters.put(weights(1))
    path = store.folder / "adapters" / f"{sha256}.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")

    with pytest.raises(ModelError, match="found sha256"):
        store.adapters.get(sha256)


def test_what_a_kill_left_half_written_is_swept_up(store: RunStore) -> None:
    store.close()
    parts = [store.folder / ".results.json.part", store.folder / "adapters" / ".x.1f.part"]
    for part in parts:
        part.write_bytes(b"half")

    RunStore.open(store.folder).close()
    assert all(part.exists() for part in parts)
    RunStore.open(store.folder, writable=True).close()
    assert not any(part.exists() for part in parts)


def on_disk(store: RunStore) -> set[str]:
    return {path.stem for path in (store.folder / "adapters").iterdir()}


def test_what_is_forgotten_goes_with_the_adapters_that_no_other_row_names(store: RunStore) -> None:
    kept, shared, gone = (store.adapters.put(weights(value)) for value in (1, 2, 3))
    store.put_site_update("kept", {"delta": kept})
    store.put_site_update("shared", {"delta": shared})
    store.put_site_update("gone", {"delta": gone})
    store.put_round("fed", 1, {"adapter": shared})

    store.forget_site_updates(["shared", "gone", "never put"])

    assert store.site_update_keys() == ["kept"]
    assert on_disk(store) == {kept, shared}
    store.put_site_update("gone", {"delta": store.adapters.put(weights(4))})


def test_forgetting_leaves_what_another_arm_is_about_to_name(store: RunStore) -> None:
    about = store.adapters.put(weights(1))
    store.put_site_update("gone", {"delta": store.adapters.put(weights(2))})

    store.forget_site_updates(["gone"])

    assert on_disk(store) == {about}
    store.sweep()
    assert on_disk(store) == set()


def test_a_reader_forgets_nothing(store: RunStore) -> None:
    store.put_site_update("key", {})

    with RunStore.open(store.folder) as reader, pytest.raises(ValueError, match="for reading"):
        reader.forget_site_updates(["key"])

    assert store.site_update_keys() == ["key"]


def test_adapters_that_no_row_names_are_swept_up_by_the_next_writer(store: RunStore) -> None:
    named = [store.adapters.put(weights(value)) for value in (1, 2, 3)]
    store.put_site_update("key", {"delta": named[0]})
    store.put_round("fed", 1, {"adapter": named[1]})
    store.put_arm("fed", {"adapter": named[2]}, position=0)
    orphan = store.adapters.put(weights(4))
    store.close()

    RunStore.open(store.folder).close()
    assert orphan in on_disk(store)
    RunStore.open(store.folder, writable=True).close()
    assert on_disk(store) == set(named)


def changed(experiment: Experiment) -> Experiment:
    sites = (*experiment.sites, SiteEntry(path=Path("/bones")))
    training = replace(experiment.training, epochs=7)
    return replace(experiment, rounds=4, training=training, sites=sites)


def test_the_same_experiment_may_go_on(store: RunStore, toml: Path) -> None:
    toml.write_text(toml.read_text("utf-8") + "# another comment\n", encoding="utf-8")

    store.require_same(read_experiment(toml))


def test_a_changed_experiment_is_refused_with_every_key(store: RunStore, toml: Path) -> None:
    with pytest.raises(InputError) as caught:
        store.require_same(changed(read_experiment(toml)))

    told = [str(fault).removeprefix(f"{store.folder}: ") for fault in caught.value.faults]
    advice = "undo the change, or start a new run with another --out"
    assert told[:3] == [
        f"experiment.rounds: found 4, expected 3, as the run began; {advice}",
        f"training.epochs: found 7, expected 1, as the run began; {advice}",
        f'sites[1].role: found "train", expected nothing, as the run began; {advice}',
    ]


def test_an_experiment_may_go_on_beside_the_same_notes_in_another_folder(
    store: RunStore, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "demo.toml"
    (elsewhere.parent / "heart").mkdir(parents=True)
    elsewhere.write_text(TOML, encoding="utf-8")

    # Whether the notes are the same is asked of their digest, when the run goes on.
    store.require_same(read_experiment(elsewhere))


def test_an_altered_copy_of_the_experiment_is_noticed(store: RunStore) -> None:
    path = store.folder / "experiment.toml"
    path.write_text(TOML.replace("rounds = 3", "rounds = 9"), encoding="utf-8")

    with pytest.raises(StoreError, match="found an altered copy"):
        store.experiment()
