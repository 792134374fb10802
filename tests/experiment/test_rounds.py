from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.experiment.fakes import (
    OFFSETS,
    SITES,
    TOKENS,
    A,
    Arrays,
    B,
    Crash,
    FakeEngine,
    Spoil,
    experiment,
    new_store,
    toml,
)

from fedmedlora.adapters.files import digest, encode
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import codecs, encode_update
from fedmedlora.errors import QuorumError
from fedmedlora.experiment.arms import Arm, planned_arms
from fedmedlora.experiment.config import Experiment
from fedmedlora.experiment.rounds import best_of, run_rounds
from fedmedlora.experiment.schema import FEDERATED_ARMS
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import SERVER, Outcome, Participant

TRAINED = ("bones", "heart", "lungs")
SHIFTS = {"bones": 0.5, "heart": 0.25, "lungs": 0.125}
Json = dict[str, Any]


def arm_of(settings: Experiment, name: str) -> Arm:
    arms = planned_arms(settings, training_sites=TRAINED, new_sites=("skin",))
    (arm,) = [arm for arm in arms if arm.name == name]
    return arm


def rounds_of(
    tmp_path: Path,
    engine: FakeEngine,
    name: str = "fed_medlora",
    codec: str = "float32",
    admission: str = "",
    **settings: int | str,
) -> tuple[Json, list[Json]]:
    text = toml((name.partition(":")[0],), **settings)
    text += f'[communication]\ncodec = "{codec}"\n[admission]\n{admission}\n'
    with new_store(tmp_path, text) as store:
        document = run_rounds(
            arm_of(experiment(text), name), experiment(text), engine, store, shifts=SHIFTS
        )
        return document, store.rounds(name)


def absences(round_: Json) -> dict[str, str]:
    return {absence["site"]: absence["reason"] for absence in round_["absences"]}


def test_a_round_records_shares_reports_bytes_and_the_adapter(tmp_path: Path) -> None:
    _, (first, *_) = rounds_of(tmp_path, FakeEngine())

    assert first["round"] == 1
    # 100, 300 and 600 label tokens of 1000.
    assert first["shares"] == pytest.approx({"bones": 0.1, "heart": 0.3, "lungs": 0.6})
    assert first["reports"]["lungs"] == {
        "num_tokens": 600,
        "validation_loss": None,
        "shift": 0.125,
        "start_loss": None,
    }
    # What travels up is of the same tensors as what travels down.
    size = len(
        encode_update({A: np.ones((2, 3), np.float32), B: np.ones((3, 2), np.float32)}, "float32")
    )
    assert first["bytes_up"] == first["bytes_down"] == dict.fromkeys(TRAINED, size)
    assert set(first["evaluation"]) == set(TRAINED)
    assert first["evaluation"]["heart"]["split"] == "dev"
    assert first["evaluation"]["heart"]["notes"] == 2
    assert (first["evaluation"]["heart"]["re"], first["absences"]) == (None, [])


def test_the_global_adapter_is_the_start_and_the_weighted_deltas(tmp_path: Path) -> None:
    text = toml(("fed_medlora",), rounds=1)

    with new_store(tmp_path, text) as store:
        document = run_rounds(
            arm_of(experiment(text), "fed_medlora"),
            experiment(text),
            FakeEngine(),
            store,
            shifts={},
        )
        adapter = store.adapters.get(document["adapter"])

        np.testing.assert_allclose(adapter[A], 1.0)
        # 0.1 x 0.25 + 0.3 x 0.5 + 0.6 x 1 = 0.775
        assert adapter[B][0, 0] == pytest.approx(0.775)


def test_what_a_server_remembers_reaches_its_next_round(tmp_path: Path) -> None:
    text = toml(("fed_avg_m",), rounds=3)

    with new_store(tmp_path, text) as store:
        arm = arm_of(experiment(text), "fed_avg_m")
        run_rounds(arm, experiment(text), FakeEngine(), store, shifts={})
        seen = [store.adapters.get(one["adapter"])[A][0, 0] for one in store.rounds("fed_avg_m")]

    # Every site adds 1 to A: v = 1, 0.5 * 1 + 1 = 1.5, 0.5 * 1.5 + 1 = 1.75
    assert seen == [1.0, 2.5, 4.25]


def test_who_was_away_goes_on_from_what_it_kept(tmp_path: Path) -> None:
    engine = FakeEngine(silent=[("heart", 2)])

    _, (first, second, third) = rounds_of(tmp_path, engine, "scaffold")

    assert set(first["memories"]) == set(TRAINED)
    assert second["memories"]["heart"] == first["memories"]["heart"]
    assert second["memories"]["bones"] != first["memories"]["bones"]
    assert third["memories"]["heart"] != first["memories"]["heart"]


def test_a_site_whose_update_is_refused_goes_on_as_if_it_had_not_trained(tmp_path: Path) -> None:
    _, (first, second, _) = rounds_of(
        tmp_path, FakeEngine(spoilt={"lungs": with_nan}), "fed_sa_lora"
    )

    assert set(first["memories"]) == {"bones", "heart"}
    assert set(second["memories"]) == set(TRAINED)


@pytest.mark.parametrize(
    ("name", "travels"),
    [
        ("fed_medlora", (A, B)),
        ("ffa_lora", (B,)),
        ("fed_sa_lora", (A,)),
        ("scaffold", (A, B, f"control/{A}", f"control/{B}")),
    ],
)
def test_bytes_are_those_of_what_travels(
    tmp_path: Path, name: str, travels: tuple[str, ...]
) -> None:
    _, (first, *_) = rounds_of(tmp_path, FakeEngine(), name)

    tensors = {tensor: np.zeros((2, 3), np.float32) for tensor in travels}
    size = len(encode_update(tensors, "float32"))
    assert first["bytes_up"] == first["bytes_down"] == dict.fromkeys(TRAINED, size)


@pytest.mark.parametrize("codec", ["int8", "int4", "bfloat16"])
def test_a_codec_saves_bytes_both_ways_and_ends_near_where_none_does(
    tmp_path: Path, codec: str
) -> None:
    ends, rounds = {}, {}
    for name in (codec, "float32"):
        text = toml(("fed_medlora",)) + f'[communication]\ncodec = "{name}"\n'
        with new_store(tmp_path / name, text) as store:
            arm = arm_of(experiment(text), "fed_medlora")
            run_rounds(arm, experiment(text), FakeEngine(), store, shifts={})
            rounds[name] = store.rounds("fed_medlora")
            ends[name] = store.adapters.get(rounds[name][-1]["adapter"])[B][0, 0]

    # A step of a site's B is of 0.25 to 1, of which int4 loses a seventh at most.
    assert ends[codec] == pytest.approx(ends["float32"], abs=0.3)
    assert ends[codec] != ends["float32"]
    for one in rounds[codec]:
        assert set(one["memories"]) == set(TRAINED)
        assert one["memory"] is not None


def test_who_trains_alone_sends_nothing_and_loses_nothing(tmp_path: Path) -> None:
    ends = {}
    for name in ("int4", "float32"):
        text = toml(("single_site",)) + f'[communication]\ncodec = "{name}"\n'
        with new_store(tmp_path / name, text) as store:
            arm = arm_of(experiment(text), "single_site:heart")
            run_rounds(arm, experiment(text), FakeEngine(), store, shifts={})
            ends[name] = store.rounds("single_site:heart")[-1]["adapter"]

    assert ends["int4"] == ends["float32"]


def test_seconds_are_those_of_training_and_what_follows(tmp_path: Path) -> None:
    document, rounds = rounds_of(tmp_path, FakeEngine())

    # Three sites of 0.5 s each; what follows takes no time worth mentioning, but some.
    assert all(1.5 < one["seconds"] < 30 for one in rounds)
    assert document["seconds"] == pytest.approx(sum(one["seconds"] for one in rounds))


def test_the_loss_of_what_was_sent_is_measured_on_each_site_s_dev_notes(tmp_path: Path) -> None:
    _, (first, second, _) = rounds_of(tmp_path, FakeEngine(), "agnostic")

    found = {site: report["start_loss"] for site, report in first["reports"].items()}
    # B[0, 0] is 0 at first, and beside it stands a place's own offset: 1, 2 and 4.
    assert found == {site: OFFSETS[site] for site in TRAINED}
    assert second["reports"]["heart"]["start_loss"] > OFFSETS["heart"]
    assert first["reports"]["heart"]["validation_loss"] is None
    assert first["shares"] != pytest.approx(second["shares"])


def test_a_loss_is_measured_by_the_server_on_each_adapter(tmp_path: Path) -> None:
    _, (first, *_) = rounds_of(tmp_path, FakeEngine(), "fed_medlora_plus")

    losses = {site: report["validation_loss"] for site, report in first["reports"].items()}
    assert OFFSETS[SERVER] == 0
    assert losses == {"bones": 0.25, "heart": 0.5, "lungs": 1.0}
    assert set(first["factors"]["bones"]) == {"size", "loss", "shift"}


def test_peers_score_each_adapter_on_their_own_dev_notes(tmp_path: Path) -> None:
    _, (first, *_) = rounds_of(tmp_path, FakeEngine(), "fed_medlora_plus", validation="peers")

    losses = {site: report["validation_loss"] for site, report in first["reports"].items()}
    # The lean and the mean offset of the two others: bones 1, heart 2, lungs 4.
    assert losses == {
        "bones": 0.25 + (2 + 4) / 2,
        "heart": 0.5 + (1 + 4) / 2,
        "lungs": 1.0 + (1 + 2) / 2,
    }


def test_a_site_without_peers_has_the_whole_share(tmp_path: Path) -> None:
    engine = FakeEngine(failing={(site, 1): "down" for site in ("bones", "heart")})

    _, (first, *_) = rounds_of(
        tmp_path, engine, "fed_medlora_plus", validation="peers", quorum=1, rounds=1
    )

    assert first["shares"] == {"lungs": 1.0}


def test_an_arm_without_rounds_is_its_start(tmp_path: Path) -> None:
    document, rounds = rounds_of(tmp_path, FakeEngine(), "zero_shot")

    assert (document["best_round"], document["seconds"], rounds) == (None, 0, [])


def stopped_after(tmp_path: Path, curve: Sequence[int], *, patience: int = 2) -> tuple[int, int]:
    engine = FakeEngine(curves=dict.fromkeys(TRAINED, curve))
    document, rounds = rounds_of(tmp_path, engine, rounds=8, patience=patience)
    return document["best_round"], len(rounds)


def test_an_arm_stops_when_patience_is_used_up_and_the_earliest_best_wins(tmp_path: Path) -> None:
    # Seen 0 to 8 rounds: the best, 0.4, after rounds 2 and 3; rounds 3 and 4 bring nothing new.
    assert stopped_after(tmp_path / "two", [0, 2, 4, 4, 3, 9, 9, 9, 9]) == (2, 4)
    assert stopped_after(tmp_path / "one", [0, 2, 4, 4, 3, 9, 9, 9, 9], patience=1) == (2, 3)
    assert stopped_after(tmp_path / "three", [0, 2, 4, 4, 3, 9, 9, 9, 9], patience=3) == (5, 8)


def test_only_a_federation_stops_early_what_it_is_measured_against_makes_all_its_rounds(
    tmp_path: Path,
) -> None:
    engine = FakeEngine(curves=dict.fromkeys(TRAINED, (0, 4, 3, 3, 3, 3, 3, 3, 3)))

    for name in ("single_site:heart", "centralised"):
        document, rounds = rounds_of(tmp_path / name[:6], engine, name, rounds=8, patience=2)
        assert (document["best_round"], len(rounds)) == (1, 8)


def test_rounds_before_anything_is_found_do_not_use_up_patience(tmp_path: Path) -> None:
    assert stopped_after(tmp_path, [0, 0, 0, 0, 0, 3, 4, 4, 4]) == (6, 8)


def test_of_equal_rounds_the_earliest_stands_also_where_nothing_is_ever_found(
    tmp_path: Path,
) -> None:
    assert stopped_after(tmp_path / "zero", [0]) == (1, 8)
    assert stopped_after(tmp_path / "equal", [3], patience=8) == (1, 8)


def test_the_plain_mean_over_sites_chooses(tmp_path: Path) -> None:
    curves = {"bones": [0, 9, 2], "heart": [0, 1, 2], "lungs": [0, 1, 8]}

    document, rounds = rounds_of(tmp_path, FakeEngine(curves=curves), rounds=2)

    # (0.9 + 0.1 + 0.1) / 3 and (0.2 + 0.2 + 0.8) / 3, whatever the shares are.
    assert [one["score"] for one in rounds] == pytest.approx([1.1 / 3, 1.2 / 3])
    assert document["best_round"] == 2


def test_only_sites_that_train_are_read_to_choose(tmp_path: Path) -> None:
    engine = FakeEngine()
    rounds_of(tmp_path / "federated", engine)
    assert set(engine.read) == {(site, "dev") for site in TRAINED}

    engine = FakeEngine()
    rounds_of(tmp_path / "single", engine, "single_site:heart")
    assert set(engine.read) == {("heart", "dev")}


def test_a_new_site_is_watched_and_takes_the_last_round_all_the_same(tmp_path: Path) -> None:
    engine = FakeEngine(curves={"skin": [0, 9, 1]})

    document, rounds = rounds_of(tmp_path, engine, "local_only:skin")

    assert engine.read == [("skin", "dev")] * 2
    # The first was better.
    assert [one["score"] for one in rounds] == pytest.approx([0.9, 0.1])
    assert document["best_round"] == 2
    assert document["adapter"] == rounds[-1]["adapter"]


def test_the_adapter_of_an_arm_is_that_of_its_best_round(tmp_path: Path) -> None:
    engine = FakeEngine(curves=dict.fromkeys(TRAINED, (0, 5, 3, 3)))

    document, rounds = rounds_of(tmp_path, engine)

    assert document["best_round"] == 1
    assert document["adapter"] == rounds[0]["adapter"] != rounds[-1]["adapter"]


def test_a_site_that_fails_or_is_silent_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    engine = FakeEngine(failing={("bones", 1): "loss is not finite"}, silent=[("heart", 2)])

    _, (first, second, third) = rounds_of(tmp_path, engine)

    assert absences(first) == {"bones": "loss is not finite"}
    # 300 and 600 of 900.
    assert first["shares"] == pytest.approx({"heart": 1 / 3, "lungs": 2 / 3})
    assert set(first["bytes_up"]) == {"heart", "lungs"}
    assert absences(second) == {"heart": "found no answer, expected a trained adapter"}
    assert absences(third) == {}


def with_nan(trained: Arrays) -> Arrays:
    return {**trained, A: np.full_like(trained[A], np.nan)}


def with_other_rank(trained: Arrays) -> Arrays:
    return {**trained, A: np.zeros((4, 3), np.float32)}


def without_a_tensor(trained: Arrays) -> Arrays:
    return {A: trained[A]}


def in_float64(trained: Arrays) -> dict[str, Any]:
    return {name: tensor.astype(np.float64) for name, tensor in trained.items()}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (with_nan, r"'q.lora_A.weight': found 6 of 6 values NaN or infinite"),
        (with_other_rank, r"'q.lora_A.weight': found (4, 3), expected (2, 3)"),
        (without_a_tensor, r"found 1 with 1 missing ('q.lora_B.weight')"),
    ],
)
def test_an_update_that_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, spoil: Spoil, reason: str
) -> None:
    _, (first, second, _) = rounds_of(tmp_path, FakeEngine(spoilt={"lungs": spoil}))

    assert list(absences(first)) == ["lungs"]
    assert absences(first)["lungs"].startswith("update of lungs: ")
    assert reason in absences(first)["lungs"]
    # 100 and 300 of 400.
    assert first["shares"] == pytest.approx({"bones": 0.25, "heart": 0.75})
    assert set(second["shares"]) == set(TRAINED)


def with_one_nan(trained: Arrays) -> Arrays:
    name = min(trained)
    spoilt = trained[name].copy()
    spoilt[1, 1] = np.nan
    return {**trained, name: spoilt}


SPOILT: dict[str, dict[str, Any]] = {
    "NaN": {"spoilt": {"lungs": with_one_nan}},
    "missing": {"spoilt": {"lungs": without_a_tensor}},
    "num_tokens": {"claims": {"lungs": {"num_tokens": -5}}},
}


@pytest.mark.parametrize("codec", sorted(codecs()))
@pytest.mark.parametrize("told", SPOILT)
def test_one_nan_a_missing_tensor_and_a_negative_weight_are_refused_in_every_codec(
    tmp_path: Path, codec: str, told: str
) -> None:
    _, (first, second, _) = rounds_of(tmp_path, FakeEngine(**SPOILT[told]), codec=codec)

    assert list(absences(first)) == ["lungs"]
    assert absences(first)["lungs"].startswith("update of lungs: ")
    assert told in absences(first)["lungs"]
    assert set(first["shares"]) == {"bones", "heart"}
    assert set(second["shares"]) == set(TRAINED)


@pytest.mark.parametrize("name", sorted(set(FEDERATED_ARMS)))
def test_one_nan_is_refused_whatever_the_method(tmp_path: Path, name: str) -> None:
    _, (first, second, _) = rounds_of(tmp_path, FakeEngine(spoilt={"lungs": with_one_nan}), name)

    assert absences(first)["lungs"].startswith("update of lungs: ")
    assert set(first["shares"]) == {"bones", "heart"}
    assert set(second["shares"]) == set(TRAINED)


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ({"base": "c" * 64}, f"base model: found {'c' * 64}, expected {'b' * 64}; install"),
        ({"start": "c" * 64}, f"starting adapter: found {'c' * 64}, expected "),
        ({"round_index": 7}, "round: found 7, expected 1; train again"),
    ],
)
def test_a_site_that_trained_with_something_else_is_refused_with_its_reason(
    tmp_path: Path, claim: Json, reason: str
) -> None:
    _, (first, second, _) = rounds_of(tmp_path, FakeEngine(claims={"lungs": claim}))

    assert list(absences(first)) == ["lungs"]
    assert absences(first)["lungs"].startswith(f"update of lungs: {reason}")
    # 100 and 300 of 400.
    assert first["shares"] == pytest.approx({"bones": 0.25, "heart": 0.75})
    assert set(second["shares"]) == set(TRAINED)


def test_adapters_that_peers_score_are_counted_on_their_way_down(tmp_path: Path) -> None:
    engine = FakeEngine(spoilt={"lungs": with_nan})

    _, (first, second, _) = rounds_of(tmp_path, engine, "fed_medlora_plus", validation="peers")

    size = first["bytes_up"]["heart"]
    assert first["bytes_up"] == second["bytes_up"] == dict.fromkeys(TRAINED, size)
    # The next adapter, and that of each other site; nobody was sent the one that was refused.
    assert first["bytes_down"] == {"bones": 2 * size, "heart": 2 * size, "lungs": size}
    assert second["bytes_down"] == dict.fromkeys(TRAINED, 3 * size)


@pytest.mark.parametrize("name", ["single_site:heart", "centralised", "local_only:skin"])
def test_nothing_travels_where_a_participant_trains_alone(tmp_path: Path, name: str) -> None:
    _, rounds = rounds_of(tmp_path, FakeEngine(), name)

    assert {(*one["bytes_up"], *one["bytes_down"]) for one in rounds} == {()}


def test_a_loss_that_is_not_finite_keeps_a_site_out_of_the_round(tmp_path: Path) -> None:
    class Blown(FakeEngine):
        def losses(self, questions: Sequence[tuple[AdapterWeights, str]]) -> list[float]:
            found = super().losses(questions)
            return [float("inf") if loss == 0.5 else loss for loss in found]

    _, (first, *_) = rounds_of(tmp_path, Blown(), "fed_medlora_plus", rounds=1)

    assert list(absences(first)) == ["heart"]
    assert "validation_loss: found inf" in absences(first)["heart"]
    assert set(first["shares"]) == {"bones", "lungs"}


def test_a_round_below_the_quorum_stops_the_arm_and_is_not_recorded(tmp_path: Path) -> None:
    engine = FakeEngine(failing={("bones", 2): "down"}, silent=[("heart", 2)])
    text = toml(("fed_medlora",), quorum=2)

    with new_store(tmp_path, text) as store:
        with pytest.raises(QuorumError, match=r"(?s)found 1 usable .* at least 2.*bones: down"):
            run_rounds(
                arm_of(experiment(text), "fed_medlora"),
                experiment(text),
                engine,
                store,
                shifts={},
            )

        assert len(store.rounds("fed_medlora")) == 1


def go_on(store: RunStore, engine: FakeEngine, text: str) -> None:
    arm = arm_of(experiment(text), "fed_medlora")
    run_rounds(arm, experiment(text), engine, store, shifts={})


def test_after_too_few_answers_only_those_that_were_missing_are_asked_again(
    tmp_path: Path,
) -> None:
    text = toml(("fed_medlora",), rounds=1, quorum=3)
    broken = FakeEngine(failing={("bones", 1): "down"}, spoilt={"heart": with_nan})
    mended = FakeEngine()

    with new_store(tmp_path, text) as store:
        with pytest.raises(QuorumError):
            go_on(store, broken, text)
        go_on(store, mended, text)

        assert sorted(mended.asked) == [("bones", 1), ("heart", 1)]
        assert store.rounds("fed_medlora")[0]["absences"] == []


def test_one_participant_is_quorum_enough_where_there_is_no_other(tmp_path: Path) -> None:
    _, rounds = rounds_of(tmp_path, FakeEngine(), "single_site:heart", quorum=3)

    assert [one["shares"] for one in rounds] == [{"heart": 1.0}] * 3


def test_updates_of_closed_rounds_are_forgotten_but_for_the_first(tmp_path: Path) -> None:
    text = toml(("fed_medlora",))

    with new_store(tmp_path, text) as store:
        go_on(store, FakeEngine(), text)

        kept = [store.site_update(key) for key in store.site_update_keys()]
        adapters = {one["adapter"] for one in store.rounds("fed_medlora")}
    assert sorted(document["site"] for document in kept if document) == list(TRAINED)
    deltas = {document["delta"] for document in kept if document}
    # Three rounds, three deltas of the first, and the common start, which no row names: other arms
    # may be about to start from it.
    on_disk = {path.stem for path in tmp_path.rglob("*.safetensors")}
    start = digest(encode(FakeEngine().initial()))
    assert on_disk == adapters | deltas | {start}
    assert len(on_disk) == 7


def test_the_last_round_stands_where_nothing_chooses() -> None:
    arm = replace(arm_of(experiment(toml()), "fed_medlora"), chosen_on=())
    documents: list[Json] = [{"score": 0.5}, {"score": 0.25}]
    undefined: list[Json] = [{"score": None}, {"score": None}]

    assert best_of(arm, documents) == 2
    assert best_of(replace(arm, chosen_on=TRAINED), undefined) == 2
    assert best_of(arm, []) is None


def test_the_sites_of_the_fakes_are_those_of_the_experiment() -> None:
    trained = [name for name, role in SITES if role == "train"]

    assert sorted(trained) == sorted(TRAINED)
    assert sum(TOKENS[site] for site in TRAINED) == 1000


def test_the_sites_are_told_what_every_round_changed(tmp_path: Path) -> None:
    engine = FakeEngine()
    _, rounds = rounds_of(tmp_path, engine, codec="int8", rounds=3)

    befores, afters, sizes = zip(*engine.delivered, strict=True)
    assert list(afters) == [one["adapter"] for one in rounds]
    assert befores[1:] == afters[:-1]
    assert [dict.fromkeys(TRAINED, size) for size in sizes] == [r["bytes_down"] for r in rounds]


def a_hundred_times(trained: Arrays) -> Arrays:
    return {name: tensor * np.float32(100) for name, tensor in trained.items()}


class Overdone(FakeEngine):
    """Lungs sends a hundred times what it learnt in one round."""

    def __init__(self, round_index: int) -> None:
        super().__init__()
        self.round_index = round_index

    def train(
        self,
        participants: Sequence[Participant],
        start: AdapterWeights,
        plans: Mapping[str, LocalPlan],
    ) -> Iterator[Outcome]:
        for outcome in super().train(participants, start, plans):
            sent, name = outcome.sent, outcome.participant.name
            if sent and (name, sent.round_index) == ("lungs", self.round_index):
                payload = encode_update(a_hundred_times(dict(sent.delta)), "float32")
                yield replace(outcome, sent=replace(sent, payload=payload))
            else:
                yield outcome


def test_norms_and_bounds_are_recorded_and_an_honest_round_clips_nobody(tmp_path: Path) -> None:
    _, (first, second, _) = rounds_of(tmp_path, FakeEngine())

    # Six ones, a lean of 0.25, 0.5 or 1, and five hundredths.
    norms = {"bones": 6 + 0.25**2, "heart": 6 + 0.5**2, "lungs": 6 + 1.0}
    for site, square in norms.items():
        assert first["clipping"]["norms"][site]["adapter"] == pytest.approx(square**0.5, abs=1e-3)
    # In the first round 1 in the mean of twelve values; then three times the middle one.
    assert first["clipping"]["bounds"]["adapter"] == pytest.approx(12**0.5)
    assert second["clipping"]["bounds"]["adapter"] == pytest.approx(12**0.5)
    assert first["clipping"]["clipped"] == second["clipping"]["clipped"] == []


def test_an_update_that_goes_too_far_counts_as_far_as_the_bound(tmp_path: Path) -> None:
    document, rounds = rounds_of(tmp_path, Overdone(2), admission="largest_rms = 1000")

    (clip,) = rounds[1]["clipping"]["clipped"]
    assert (clip["site"], clip["kind"]) == ("lungs", "adapter")
    assert clip["norm"] == pytest.approx(100 * 7**0.5, rel=1e-3)
    # Of 2.46, 2.5 and 2.65 the middle one, three times.
    assert clip["bound"] == pytest.approx(3 * 6.25**0.5, rel=1e-3)
    with RunStore.open(tmp_path / "run") as store:
        grown = store.adapters.get(rounds[1]["adapter"])[A][0, 0] - 1.0
    # 0.4 of the sites add 1, and lungs, which has 0.6, adds 7.5 / 264.6 of 100.
    assert grown == pytest.approx(0.4 + 0.6 * 100 * 7.5 / 264.575, rel=1e-3)
    # The clipped norm counts with its bound, and the round after is as any other.
    assert rounds[2]["clipping"]["clipped"] == []
    assert document["best_round"] is not None


@pytest.mark.parametrize("name", sorted(set(FEDERATED_ARMS)))
def test_no_honest_update_is_clipped_whatever_the_method(tmp_path: Path, name: str) -> None:
    _, rounds = rounds_of(tmp_path, FakeEngine(), name)

    assert [one["clipping"]["clipped"] for one in rounds] == [[]] * len(rounds)


def test_a_run_that_was_cut_short_has_the_bounds_of_one_that_was_not(tmp_path: Path) -> None:
    _, whole = rounds_of(tmp_path / "whole", Overdone(2))
    text = toml(("fed_medlora",))
    engine = Overdone(2)
    engine.crash_at = 13
    with new_store(tmp_path / "cut", text) as store:
        arm = arm_of(experiment(text), "fed_medlora")
        with pytest.raises(Crash):
            run_rounds(arm, experiment(text), engine, store, shifts=SHIFTS)
        assert store.rounds("fed_medlora")
        run_rounds(arm, experiment(text), Overdone(2), store, shifts=SHIFTS)
        again = store.rounds("fed_medlora")

    assert [one["clipping"] for one in again] == [one["clipping"] for one in whole]
    assert again[-1]["adapter"] == whole[-1]["adapter"]
