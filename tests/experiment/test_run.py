import json
import logging
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.experiment.fakes import (
    EVERY_ARM,
    LEANS,
    SITES,
    B,
    Crash,
    FakeEngine,
    cohorts,
    experiment,
    new_store,
    toml,
)

from fedmedlora.adapters.wire import encode_update
from fedmedlora.errors import InputError, ModelError, QuorumError
from fedmedlora.evaluation.cohorts import Cohort, OwnLora
from fedmedlora.experiment.config import Experiment
from fedmedlora.experiment.environment import peak_memory_bytes, usage
from fedmedlora.experiment.plan import missing_arms
from fedmedlora.experiment.results import results
from fedmedlora.experiment.run import run
from fedmedlora.experiment.store import RunStore

ROOT = Path(__file__).parents[2]
TRAINED = ("bones", "heart", "lungs")
Json = dict[str, Any]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    # Each of many small runs waits for the disk at every row: memory does not keep it waiting.
    memory = Path("/dev/shm")  # noqa: S108 -- a fresh folder in it, as elsewhere
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def in_store(engine: FakeEngine, store: RunStore) -> FakeEngine:
    """Let an engine keep what sites keep where the run lies, as the local engine does."""
    engine.shelf = store.adapters
    return engine


def finished(
    folder: Path, *arms: str, engine: FakeEngine | None = None, **settings: int
) -> FakeEngine:
    text, used = toml(arms or EVERY_ARM, **settings), engine or FakeEngine()
    with new_store(folder, text) as store:
        run(experiment(text), in_store(used, store), store, cohorts())
    return used


def reopened(folder: Path, engine: FakeEngine, *, only: list[str] | None = None) -> None:
    with RunStore.open(folder / "run", writable=True) as store:
        again = store.experiment()
        run(again, in_store(engine, store), store, taking_part(again), only=only)


def taking_part(settings: Experiment) -> dict[str, Cohort]:
    names = [Path(site.path or "").name for site in settings.sites]
    return {name: cohort for name, cohort in cohorts().items() if name in names}


def told(folder: Path) -> Json:
    with RunStore.open(folder / "run") as store:
        return results(store)


def timeless(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """Return a document without what a clock or the machine wrote."""
    if isinstance(value, dict):
        clocks = ("seconds", "evaluation_seconds", "usage")
        return {key: timeless(item) for key, item in value.items() if key not in clocks}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def end_state(folder: Path) -> Json:
    """Return everything a run left, but for its clocks."""
    with RunStore.open(folder / "run") as store:
        return {
            "results": timeless(results(store)),
            "arms": {arm: timeless(store.arm(arm)) for arm in store.arms()},
            "finals": {arm: store.finals(arm) for arm in store.arms()},
            "drawn": store.drawn(),
            "updates": store.site_update_keys(),
            "adapters": sorted(path.name for path in (store.folder / "adapters").iterdir()),
            "file": timeless(json.loads((store.folder / "results.json").read_text("utf-8"))),
        }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, int]:
    folder = tmp_path_factory.mktemp("undisturbed")
    engine = finished(folder)
    return end_state(folder), engine.steps


def test_a_run_ends_with_every_arm_in_order(undisturbed: tuple[Json, int]) -> None:
    state, _ = undisturbed

    assert [arm["name"] for arm in state["results"]["arms"]] == [
        "zero_shot",
        "single_site:heart",
        "single_site:bones",
        "single_site:lungs",
        "centralised",
        "fed_medlora",
        "fed_medlora_plus",
        "local_only:skin",
        "adapted:skin",
        "joined:skin",
    ]
    assert state["file"] == state["results"]


def test_arms_that_run_side_by_side_end_in_the_same_state(
    tmp_path: Path, undisturbed: tuple[Json, int]
) -> None:
    finished(tmp_path, engine=FakeEngine(num_workers=3, pause_s=0.001))

    assert end_state(tmp_path) == undisturbed[0]


@pytest.mark.parametrize("step", [9, 20, 60, 100])
def test_arms_that_crash_side_by_side_go_on_to_the_same_state(
    tmp_path: Path, undisturbed: tuple[Json, int], step: int
) -> None:
    with pytest.raises(Crash):
        finished(tmp_path, engine=FakeEngine(num_workers=3, pause_s=0.001, crash_at=step))

    reopened(tmp_path, FakeEngine(num_workers=2, pause_s=0.001))

    assert end_state(tmp_path) == undisturbed[0]


def test_what_reading_took_of_somebody_else_is_kept_by_site(tmp_path: Path) -> None:
    # The first site takes 1 of each, the second 2, up to the fifth.
    spending = {"requests": 100, "prompt_tokens": 100, "completion_tokens": 100}
    text = toml(["zero_shot"]) + "[endpoint]\ninput_price = 2.0\noutput_price = 10.0\n"
    engine = FakeEngine(spending=spending)
    with new_store(tmp_path, text) as store:
        run(experiment(text), engine, store, cohorts())
        finals = store.finals("zero_shot")

    sites = {site: final["asked"]["requests"] for site, final in finals.items()}
    assert sites == {"heart": 1, "bones": 2, "lungs": 3, "nerves": 4, "skin": 5}
    (arm,) = told(tmp_path)["arms"]
    assert arm["asked"]["requests"] == arm["asked"]["prompt_tokens"] == 15
    # (15 x 2 + 15 x 10) / 1,000,000
    assert arm["asked"]["cost"] == 0.00018
    assert arm["asked"]["sites"]["skin"]["completion_tokens"] == 5


def test_a_model_of_this_machine_takes_nothing_of_anybody(tmp_path: Path) -> None:
    finished(tmp_path, "zero_shot")

    with RunStore.open(tmp_path / "run") as store:
        assert all("asked" not in final for final in store.finals("zero_shot").values())
    assert "asked" not in told(tmp_path)["arms"][0]


def test_sites_in_another_order_are_refused(tmp_path: Path) -> None:
    finished(tmp_path, "zero_shot")
    others = dict(reversed(cohorts().items()))

    with (
        RunStore.open(tmp_path / "run", writable=True) as store,
        pytest.raises(InputError, match=r"sites: found skin, .*, expected heart, bones"),
    ):
        run(store.experiment(), FakeEngine(), store, others)


def test_every_arm_is_scored_once_on_every_site_and_a_new_sites_arms_there_alone(
    tmp_path: Path,
) -> None:
    engine = finished(tmp_path, "single_site", "fed_medlora", "adapted")

    scored = {arm["name"]: sorted(arm["final"]) for arm in told(tmp_path)["arms"]}
    everywhere = ["bones", "heart", "lungs", "nerves", "skin"]
    assert scored == {
        **{f"single_site:{site}": everywhere for site in TRAINED},
        "fed_medlora": everywhere,
        "adapted:skin": ["skin"],
    }
    # Test is read once an arm: 4 arms of 5 sites, and one of one.
    assert [split for _, split in engine.read].count("final") == 4 * 5 + 1


def test_external_sites_are_read_only_at_the_end_and_a_new_one_not_before_it_comes(
    tmp_path: Path,
) -> None:
    engine = finished(tmp_path / "before", "fed_medlora")
    assert {site for site, split in engine.read if split == "dev"} == set(TRAINED)

    engine = finished(tmp_path / "after", "fed_medlora", "joined")
    assert {site for site, split in engine.read if split == "dev"} == {*TRAINED, "skin"}


def test_sites_that_read_with_tensors_of_their_own_are_scored_with_them_and_others_not(
    tmp_path: Path,
) -> None:
    engine = finished(tmp_path, "fed_sa_lora", "adapted")

    with RunStore.open(tmp_path / "run") as store:
        rounds, finals = store.rounds("fed_sa_lora"), store.finals("fed_sa_lora")
        best = store.arm("fed_sa_lora") or {}
        kept = [store.adapters.get(best["memories"][site])[f"own/{B}"][0, 0] for site in TRAINED]

    assert set(finals) == set(rounds[0]["evaluation"]) == set(TRAINED)
    # Each site adds its own lean to B in every round.
    assert kept == [3 * LEANS[site] for site in TRAINED]
    assert ("nerves", "final") not in engine.read
    # A fresh site has no B but the untrained one; it is scored in its own arm alone.
    assert told(tmp_path)["arms"][-1]["name"] == "adapted:skin"


def test_a_site_of_a_smaller_rank_reads_with_its_own_tensors_too(tmp_path: Path) -> None:
    text = toml(("fed_sa_lora",), FEW_SITES[:3], rounds=2)
    taking = taking_part(experiment(text))
    narrow = {n: replace(one, own_lora=OwnLora(rank=1)) for n, one in taking.items()}

    with new_store(tmp_path, text) as store:
        run(experiment(text), in_store(FakeEngine(), store), store, narrow)
        kept = store.adapters.get((store.arm("fed_sa_lora") or {})["memories"]["heart"])
        scored = store.finals("fed_sa_lora")

    assert kept[f"own/{B}"].shape == (3, 1)
    assert set(scored) == {"heart", "bones"}


def test_each_site_goes_on_alone_from_the_federation_s_best_adapter(tmp_path: Path) -> None:
    engine = finished(tmp_path, "fed_medlora", "personalised", rounds=2)

    with RunStore.open(tmp_path / "run") as store:
        federated, personal = store.arm("fed_medlora") or {}, store.arm("personalised") or {}
        finals, rounds = store.finals("personalised"), store.rounds("personalised")
        before = store.adapters.get(federated["adapter"])
        kept = {site: store.adapters.get(personal["memories"][site]) for site in TRAINED}
        moved = {site: kept[site][f"own/{B}"][0, 0] - before[B][0, 0] for site in TRAINED}

    assert personal["adapter"] == federated["adapter"]
    assert personal["start"] == "fed_medlora"
    assert len(rounds) == 1
    assert moved == pytest.approx({site: LEANS[site] for site in TRAINED})
    # Nothing travels, and who has not trained has no adapter.
    empty = len(encode_update({}, "float32"))
    assert rounds[0]["bytes_up"] == rounds[0]["bytes_down"] == dict.fromkeys(TRAINED, empty)
    assert set(finals) == set(TRAINED)
    pairs = {(one["arm"], one["against"]) for one in told(tmp_path)["comparisons"]}
    assert ("personalised", "fed_medlora") in pairs
    assert engine.steps > 0


def test_new_sites_start_where_the_federation_was_best(tmp_path: Path) -> None:
    curves = dict.fromkeys(TRAINED, (0, 5, 3, 3))
    finished(
        tmp_path,
        "fed_medlora",
        "adapted",
        "local_only",
        engine=FakeEngine(curves={**curves, "skin": (0, 1, 2, 3, 4, 5)}),
    )

    f1 = {a["name"]: a["final"]["skin"]["ner"]["strict"]["f1"] for a in told(tmp_path)["arms"]}
    # Rounds seen: the best of the federation is its first; two more from there, or two alone.
    assert f1 == {"fed_medlora": 0.1, "local_only:skin": 0.2, "adapted:skin": 0.3}


def test_arms_that_begin_alike_train_their_first_round_once(tmp_path: Path) -> None:
    engine = finished(tmp_path, "single_site", "fed_medlora", "fed_medlora_plus")

    firsts = [asked for asked in engine.asked if asked[1] == 1]
    assert sorted(firsts) == [(site, 1) for site in TRAINED]
    # Rounds 2 and 3 begin apart: three arms, three sites.
    assert len(engine.asked) - len(firsts) == 2 * 3 * 3


def test_the_first_round_is_not_shared_with_who_holds_other_notes(tmp_path: Path) -> None:
    engine = finished(tmp_path, "fed_medlora", "centralised", "local_only")

    firsts = sorted(asked for asked in engine.asked if asked[1] == 1)
    assert firsts == [(name, 1) for name in ("bones", "centralised", "heart", "lungs", "skin")]


def test_a_finished_run_keeps_only_what_rows_name(undisturbed: tuple[Json, int]) -> None:
    state, _ = undisturbed

    rounds = [one["adapter"] for arm in state["results"]["arms"] for one in arm["rounds"]]
    named = {*rounds, *(arm["adapter"] for arm in state["arms"].values())}
    assert state["updates"] == []
    assert state["adapters"] == sorted(f"{sha256}.safetensors" for sha256 in named)


def test_a_finished_run_is_not_done_again(tmp_path: Path) -> None:
    finished(tmp_path)
    before = end_state(tmp_path)

    again = FakeEngine()
    reopened(tmp_path, again)

    assert (again.asked, again.read) == ([], [])
    assert end_state(tmp_path) == before


def test_arms_can_be_run_a_few_at_a_time(tmp_path: Path, undisturbed: tuple[Json, int]) -> None:
    with new_store(tmp_path, toml()) as store:
        run(experiment(toml()), FakeEngine(), store, cohorts(), only=["fed_medlora", "zero_shot"])
        assert store.arms() == ["zero_shot", "fed_medlora"]
        assert store.site_update_keys() != []
    rest = [arm for arm in EVERY_ARM if arm not in ("fed_medlora", "zero_shot")]
    reopened(tmp_path, FakeEngine(), only=rest)

    whole, parts = undisturbed[0], end_state(tmp_path)
    assert parts["arms"] == whole["arms"]
    assert parts["finals"] == whole["finals"]
    assert parts["updates"] == []


def test_an_arm_without_the_one_it_starts_from_is_refused(tmp_path: Path) -> None:
    with (
        new_store(tmp_path, toml()) as store,
        pytest.raises(InputError, match=r"--arms: found adapted without fed_medlora_plus, exp"),
    ):
        missing_arms(experiment(toml()), store, cohorts(), only=["adapted", "fed_medlora"])


FEW_SITES = tuple(site for site in SITES if site[0] not in ("lungs", "nerves"))
INT4 = '[communication]\ncodec = "int4"\n'
FEW_ARMS = ("single_site", "fed_medlora_plus", "adapted")


@pytest.mark.parametrize(
    "text",
    [
        toml(FEW_ARMS, FEW_SITES, rounds=2, new_site_rounds=1),
        pytest.param(toml(("fed_avg_m",), FEW_SITES[:3], rounds=3), id="server memory"),
        pytest.param(toml(("scaffold",), FEW_SITES[:3], rounds=3), id="site memory"),
        pytest.param(
            toml(("fed_avg_m", "flora"), FEW_SITES[:3], rounds=3) + INT4, id="lossy codec, patches"
        ),
        pytest.param(toml(), marks=pytest.mark.slow),
    ],
)
def test_a_crash_at_any_step_changes_nothing_of_what_the_run_ends_with(
    tmp_path: Path, text: str
) -> None:
    with new_store(tmp_path / "whole", text) as store:
        counting = FakeEngine()
        run(experiment(text), in_store(counting, store), store, taking_part(experiment(text)))
    whole = end_state(tmp_path / "whole")

    for step in range(1, counting.steps + 1):
        folder = tmp_path / str(step)
        crashing = FakeEngine(crash_at=step)
        with new_store(folder, text) as store, pytest.raises(Crash):
            run(experiment(text), in_store(crashing, store), store, taking_part(experiment(text)))
        reopened(folder, FakeEngine())

        assert end_state(folder) == whole, f"crash at step {step}"


def test_a_crash_loses_no_training_that_had_ended(tmp_path: Path) -> None:
    text = toml(("fed_medlora",))
    first = FakeEngine(crash_at=14)
    with new_store(tmp_path, text) as store, pytest.raises(Crash):
        run(experiment(text), first, store, cohorts())

    second = FakeEngine()
    reopened(tmp_path, second)

    assert first.asked != []
    assert set(first.asked) & set(second.asked) == set()
    assert len(first.asked) + len(second.asked) == 3 * 3


def test_a_run_killed_at_any_moment_ends_in_the_same_bytes(
    tmp_path: Path, undisturbed: tuple[Json, int]
) -> None:
    rng = random.Random(7)  # noqa: S311 -- moments, not secrets
    new_store(tmp_path, toml()).close()

    for _ in range(4):
        kill_after(tmp_path, steps=rng.randint(20, 45), rng=rng)
    ended = subprocess.run(command(tmp_path), cwd=ROOT, capture_output=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert end_state(tmp_path) == undisturbed[0]
    assert not list(tmp_path.rglob("*.part"))


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "tests.experiment.fakes", str(folder / "run")]


def kill_after(folder: Path, *, steps: int, rng: random.Random) -> None:
    with subprocess.Popen(command(folder), cwd=ROOT, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        for _ in range(steps):
            running.stdout.readline()
        time.sleep(rng.uniform(0, 0.01))
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL


def test_an_arm_that_cannot_go_on_leaves_the_others_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = toml(("single_site", "fed_medlora"))
    broken = FakeEngine(failing={("bones", 1): "loss is not finite", ("bones", 2): "again"})
    caplog.set_level(logging.WARNING)

    with (
        new_store(tmp_path, text) as store,
        pytest.raises(QuorumError, match=r"arm single_site:bones: .*\n +bones: loss is not fin"),
    ):
        run(experiment(text), broken, store, cohorts())

    names = [arm["name"] for arm in told(tmp_path)["arms"]]
    assert names == ["single_site:heart", "single_site:lungs", "fed_medlora"]
    assert json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))["arms"]
    assert "single_site:bones: bones does not take part: loss is not finite" in caplog.text

    reopened(tmp_path, FakeEngine())

    assert "single_site:bones" in [arm["name"] for arm in told(tmp_path)["arms"]]


def test_a_site_with_another_base_model_is_refused_and_the_run_tells_why(tmp_path: Path) -> None:
    finished(tmp_path, "fed_medlora", engine=FakeEngine(claims={"bones": {"base": "c" * 64}}))

    first, second, _ = told(tmp_path)["arms"][0]["rounds"]
    assert [absence["site"] for absence in first["absences"]] == ["bones"]
    assert f"found {'c' * 64}, expected {'b' * 64}" in first["absences"][0]["reason"]
    assert (sorted(first["shares"]), second["absences"]) == (["heart", "lungs"], [])


def test_an_arm_whose_start_could_not_be_made_waits_for_it(tmp_path: Path) -> None:
    text = toml(("fed_medlora", "adapted"))
    broken = FakeEngine(silent=[(site, 1) for site in TRAINED])

    with (
        new_store(tmp_path, text) as store,
        pytest.raises(QuorumError, match=r"arm adapted:skin: found no finished arm fed_medlora"),
    ):
        run(experiment(text), broken, store, cohorts())

    reopened(tmp_path, FakeEngine())
    assert [arm["name"] for arm in told(tmp_path)["arms"]] == ["fed_medlora", "adapted:skin"]


def test_a_run_does_not_go_on_with_another_base_model(tmp_path: Path) -> None:
    finished(tmp_path, "zero_shot")

    with pytest.raises(ModelError, match=f"found base model {'c' * 64}, expected {'b' * 64}"):
        reopened(tmp_path, FakeEngine(base="c" * 64))


def test_a_run_does_not_go_on_in_another_number_format(tmp_path: Path) -> None:
    finished(tmp_path, "zero_shot")

    with pytest.raises(ModelError, match="found bfloat16 on this machine, expected float32"):
        reopened(tmp_path, FakeEngine(dtype="bfloat16"))


def test_a_run_does_not_go_on_with_other_notes(tmp_path: Path) -> None:
    finished(tmp_path, "zero_shot")
    changed = cohorts()
    changed["lungs"] = replace(changed["lungs"], sha256="f" * 64)

    with (
        RunStore.open(tmp_path / "run", writable=True) as store,
        pytest.raises(InputError, match=r"lungs: found other notes, or another site\.json"),
    ):
        run(store.experiment(), FakeEngine(), store, changed)


def test_what_the_report_draws_comes_from_public_training_sites(tmp_path: Path) -> None:
    finished(tmp_path, "fed_medlora", "fed_medlora_plus")

    with RunStore.open(tmp_path / "run") as store:
        drawn = store.drawn()
    assert list(drawn) == ["fed_medlora_plus"]
    assert [(note["site"], note["arm"]) for note in drawn["fed_medlora_plus"]] == [
        ("heart", "fed_medlora_plus")
    ]


def test_a_run_tells_its_sites_and_what_is_sent(tmp_path: Path) -> None:
    finished(tmp_path, "zero_shot")

    told_ = told(tmp_path)
    assert [(site["name"], site["role"]) for site in told_["sites"]] == list(SITES)
    first = told_["sites"][0]
    assert first["notes"] == {"train": 1, "held_out": 0, "dev": 1, "test": 1}
    # Two notes with 9 of 10 to be reached, and 8 of 10 for relations.
    assert first["ceiling"] == {"ner": 0.9, "re": 0.8}
    # (2 x 3 + 3 x 2) x 4 bytes = 48 of 4800: 1 - 0.01.
    assert told_["communication"] == {
        "full_model_bytes": 4800,
        "adapter_bytes": 48,
        "saving": 0.99,
    }


def test_who_is_compared_with_whom(tmp_path: Path) -> None:
    finished(tmp_path)

    compared = told(tmp_path)["comparisons"]
    pairs = {(c["arm"], c["against"]) for c in compared}
    rivals = ("best single site", "mean single site", "centralised", "zero_shot")
    assert pairs == {
        *((arm, rival) for arm in ("fed_medlora", "fed_medlora_plus") for rival in rivals),
        ("fed_medlora_plus", "fed_medlora"),
        ("adapted:skin", "local_only:skin"),
        ("joined:skin", "local_only:skin"),
    }
    assert {c["where"] for c in compared} == {"training sites", "nerves", "skin"}


def test_a_run_records_its_time_and_memory(tmp_path: Path) -> None:
    finished(tmp_path, "zero_shot")

    used = told(tmp_path)["environment"]["usage"]
    assert 0 < used["seconds"] < 60
    assert used["peak_memory_bytes"] == FakeEngine().peak_memory_bytes()
    # A Python with numpy takes tens of MB, whatever unit the system counts in.
    assert 20e6 < (peak_memory_bytes() or 20e6 + 1) < 64e9


def test_time_adds_up_over_the_processes_of_a_run_and_the_peak_stays() -> None:
    huge = 2**60

    used = usage({"seconds": 2.0, "peak_memory_bytes": huge}, seconds=3.0, peak_memory_bytes=5)

    assert used == {"seconds": 5.0, "peak_memory_bytes": huge}
    first = usage({}, seconds=3.0, peak_memory_bytes=5)
    assert first == {"seconds": 3.0, "peak_memory_bytes": 5}
    # A system that does not say
    assert usage({}, seconds=3.0, peak_memory_bytes=None)["peak_memory_bytes"] is None


def run_baselines(folder: Path) -> None:
    """Run arms of two models, the second on an engine with other ceilings."""
    text = toml(("few_shot", "bert", "fed_medlora")).replace(
        'base = "minilm"', 'base = "minilm"\nformulation = "markup"'
    )
    with new_store(folder, text) as store:
        run(experiment(text), FakeEngine(), store, cohorts())
        sites = store.meta("sites")
        other = FakeEngine(base="c" * 64, ceilings=(1, 1))
        run(experiment(text), other, store, cohorts(), model="bert")
        assert store.meta("sites") == sites


def test_the_sites_are_told_by_the_experiments_own_model(tmp_path: Path) -> None:
    run_baselines(tmp_path)

    told_ = told(tmp_path)
    assert told_["sites"][0]["ceiling"] == {"ner": 0.9, "re": 0.8}
    assert {name: told_["models"][name]["base"][0] for name in told_["models"]} == {
        "own": "b",
        "bert": "c",
    }


def test_a_federation_is_compared_with_the_baselines(tmp_path: Path) -> None:
    run_baselines(tmp_path)

    pairs = {(one["arm"], one["against"]) for one in told(tmp_path)["comparisons"]}
    assert {("fed_medlora", "few_shot"), ("fed_medlora", "bert")} <= pairs


def test_how_much_a_model_was_shown_is_kept_by_site(tmp_path: Path) -> None:
    run_baselines(tmp_path)

    arms = {arm["name"]: arm for arm in told(tmp_path)["arms"]}
    # Four are wanted; the fake has one window less, and a head a letter of the site's name.
    assert arms["few_shot"]["shown"]["heart"] == {"windows": 3, "heads": 5}
    assert "shown" not in arms["fed_medlora"]


def test_without_prices_a_cost_is_not_made_up(tmp_path: Path) -> None:
    text = toml(["zero_shot"]) + "[endpoint]\ninput_price = 2.0\n"
    with new_store(tmp_path, text) as store:
        run(experiment(text), FakeEngine(spending={"requests": 9}), store, cohorts())

    assert told(tmp_path)["arms"][0]["asked"]["cost"] is None
