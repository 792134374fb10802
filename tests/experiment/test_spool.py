import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.experiment.fakes import A, FakeEngine, experiment, new_store, toml

from fedmedlora.errors import ModelError
from fedmedlora.experiment.arms import Arm, planned_arms
from fedmedlora.experiment.spool import collect, site_plans, site_seed, update_keys
from fedmedlora.federation.engine import Outcome, Participant
from fedmedlora.federation.methods.fed_prox import FedProx
from fedmedlora.federation.private_plan import PrivatePlan

BEFORE, LATER = "0" * 64, "1" * 64


def arm_of(name: str) -> Arm:
    settings = experiment(toml((name,)))
    (arm,) = planned_arms(settings, training_sites=("heart",), new_sites=("skin",))
    return arm


HEART = arm_of("fed_medlora")


def key(arm: Arm = HEART, *, seed: int = 3, round_index: int = 1, before: str = BEFORE) -> str:
    (found,) = update_keys(arm, site_plans(arm, seed, round_index, {}), before).values()
    return found


def test_what_trains_alike_is_kept_under_one_key_whatever_the_arm() -> None:
    assert key() == key(arm_of("single_site")) == key(arm_of("fed_medlora_plus"))


@pytest.mark.parametrize(
    "other",
    [
        key(seed=4),
        key(round_index=2),
        key(before=LATER),
        key(replace(HEART, rounds=4)),
        key(replace(HEART, participants=(Participant("bones", ("bones",)),))),
        key(replace(HEART, participants=(Participant("heart", ("heart", "bones")),))),
        # A site of this name would be another one than the stand-in for all sites.
        key(arm_of("centralised")),
        key(replace(HEART, model="bert")),
    ],
)
def test_what_trains_otherwise_has_another_key(other: str) -> None:
    assert other != key()


PRIVATE = PrivatePlan(
    run="demo",
    arm="fed_medlora",
    unit="note",
    clip=1.0,
    units_a_step=2,
    steps=3,
    run_steps=6,
    delta=1e-5,
    noise_multiplier=2.0,
)


def private_key(private: PrivatePlan | None) -> str:
    plans = site_plans(HEART, 3, 1, {}, private={"heart": private})
    (found,) = update_keys(HEART, plans, BEFORE).values()
    return found


def test_what_hides_a_unit_is_part_of_the_key_and_who_asks_is_not() -> None:
    assert private_key(None) == key()
    assert private_key(PRIVATE) != key()
    assert private_key(replace(PRIVATE, arm="fed_medlora_plus")) == private_key(PRIVATE)
    assert private_key(replace(PRIVATE, clip=2.0)) != private_key(PRIVATE)
    assert private_key(replace(PRIVATE, noise_multiplier=3.0)) != private_key(PRIVATE)


def test_what_a_method_changes_at_a_site_is_part_of_the_key() -> None:
    prox, scaffold = arm_of("fed_prox"), arm_of("scaffold")
    stronger = replace(prox, local_method=replace(prox.local_method, own=FedProx(proximal=1.0)))
    kept = site_plans(scaffold, 3, 1, {"heart": "c" * 64})

    plans = site_plans(HEART, 3, 1, {}, codec="int8")
    coarser = update_keys(HEART, plans, BEFORE)["heart"]
    narrower = key(replace(HEART, participants=(Participant("heart", ("heart",), rank=4),)))
    other_sharing = {key(arm_of("ffa_lora")), key(arm_of("ro_lora"))}

    keys = {key(), key(prox), key(stronger), key(scaffold), coarser, narrower, *other_sharing}

    assert len(keys) == 8
    assert update_keys(scaffold, kept, BEFORE)["heart"] not in keys
    # What the server does with updates is no affair of a site.
    assert key(arm_of("fed_yogi")) == key()


def test_a_plan_says_where_a_training_stands_in_the_run() -> None:
    plan = site_plans(HEART, 3, 2, {})["heart"]

    assert (plan.round_index, plan.num_rounds, plan.seed) == (2, 3, site_seed(3, "heart", 2))


def test_every_site_and_round_has_a_seed_of_its_own() -> None:
    seeds = [
        site_seed(seed, site, index) for seed in (0, 1) for site in "ab" for index in (1, 2, 11)
    ]

    assert len(set(seeds)) == 12
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_a_training_loss_that_is_undefined_is_kept_as_nothing(tmp_path: Path) -> None:
    engine = FakeEngine(training_loss=float("nan"))
    plans = site_plans(HEART, 3, 1, {})

    with new_store(tmp_path, toml()) as store:
        keys = update_keys(HEART, plans, BEFORE)
        (spooled,), absences = collect(HEART, engine, store, engine.initial(), plans, keys)

        assert store.site_update(keys["heart"]) == spooled.row
    assert (spooled.row["loss"], spooled.row["num_tokens"], absences) == (None, 300, [])


def test_what_was_sent_can_be_read_though_another_arm_forgets_it(tmp_path: Path) -> None:
    engine, plans = FakeEngine(), site_plans(HEART, 3, 1, {})

    with new_store(tmp_path, toml()) as store:
        keys = update_keys(HEART, plans, BEFORE)
        (spooled,), _ = collect(HEART, engine, store, engine.initial(), plans, keys)
        store.forget_site_updates(list(keys.values()))

        assert store.site_update_keys() == []
        assert float(spooled.delta[A].mean()) == 1.0


def test_an_update_that_cannot_be_read_just_now_is_kept(tmp_path: Path) -> None:
    engine, plans = FakeEngine(), site_plans(HEART, 3, 1, {})

    with new_store(tmp_path, toml()) as store:
        keys = update_keys(HEART, plans, BEFORE)
        (spooled,), _ = collect(HEART, engine, store, engine.initial(), plans, keys)
        (path,) = store.folder.rglob(f"{spooled.row['delta']}.safetensors")
        path.unlink()
        # Opening it fails, but not because it is missing.
        path.mkdir()

        with pytest.raises(ModelError, match="directory"):
            collect(HEART, engine, store, engine.initial(), plans, keys)

        assert store.site_update(keys["heart"]) == spooled.row


def test_nobody_waits_until_an_update_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, plans = FakeEngine(), site_plans(HEART, 3, 1, {})

    with new_store(tmp_path, toml()) as store:
        monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("waited"))
        keys = update_keys(HEART, plans, BEFORE)
        (spooled,), _ = collect(HEART, engine, store, engine.initial(), plans, keys)

        assert store.site_update(keys["heart"]) == spooled.row


@pytest.mark.parametrize("torn", [b"", None])
def test_an_update_that_a_power_cut_took_is_asked_for_again(
    tmp_path: Path, torn: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    engine, plans = FakeEngine(), site_plans(HEART, 3, 1, {})

    with new_store(tmp_path, toml()) as store:
        keys = update_keys(HEART, plans, BEFORE)
        (before,), _ = collect(HEART, engine, store, engine.initial(), plans, keys)
        (path,) = store.folder.rglob(f"{before.row['delta']}.safetensors")
        path.unlink() if torn is None else path.write_bytes(torn)

        again = FakeEngine(training_loss=0.25)
        (after,), absences = collect(HEART, again, store, again.initial(), plans, keys)

        assert store.site_update(keys["heart"]) == after.row
    assert (after.row["delta"], after.row["loss"], absences) == (before.row["delta"], 0.25, [])
    assert float(after.delta[A].mean()) == 1.0
    assert "heart trains again, as its update is lost" in caplog.text


def test_what_an_arm_beside_this_one_sent_first_is_not_written_again(tmp_path: Path) -> None:
    plans = site_plans(HEART, 3, 1, {})

    with new_store(tmp_path, toml()) as store:
        keys = update_keys(HEART, plans, BEFORE)

        class Slow(FakeEngine):
            def train(self, *asked: Any) -> Iterator[Outcome]:  # noqa: ANN401
                # While this arm waits for its answer the other one gets its own.
                collect(HEART, FakeEngine(), store, self.initial(), plans, keys)
                yield from super().train(*asked)

        engine = Slow()
        (spooled,), absences = collect(HEART, engine, store, engine.initial(), plans, keys)

        assert (store.site_update(keys["heart"]), absences) == (spooled.row, [])
