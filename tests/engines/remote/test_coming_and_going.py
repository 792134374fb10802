"""Sites that join a run late, and sites that leave it for good."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.engines.remote.federations import (
    SITES,
    experiment_text,
    run_apart,
    services,
    write_sites,
)
from tests.engines.remote.spoiling import Spoiling, complete, end_after_a_round, rounds_of, wire

from fedmedlora.clinical.notes import Labels
from fedmedlora.engines.remote.coordinating import leave_for_good
from fedmedlora.engines.remote.messages import Message
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.errors import EngineError, InputError, QuorumError
from fedmedlora.evaluation.comparisons import Finals, compare
from fedmedlora.experiment.store import RunStore
from fedmedlora.formats.site_folder import read_site, write_site
from fedmedlora.training.base_models import BaseModel


def with_late_joiners(text: str, *, quorum: int = 2) -> str:
    text = text.replace('name = "nvflare"', 'name = "nvflare"\nlate_joiners = true')
    return text.replace("seed = 3", f"seed = 3\nquorum = {quorum}")


def open_minded(folder: Path) -> dict[str, SiteService]:
    return services(folder, **dict.fromkeys(SITES, Policy(single_site=True)))


def begun_without_lungs(tmp_path: Path, text: str) -> None:
    """Run until the first round of the first federated arm is closed."""
    transport = wire(tmp_path, open_minded(tmp_path))
    transport.away = {"lungs"}
    end_after_a_round(transport)
    run_apart(tmp_path, text, transport)


def finals_of(run: Path, arm: str) -> set[str]:
    with RunStore.open(run) as store:
        return set(store.finals(arm))


def test_a_late_joiner_is_in_the_next_round_and_scored_by_every_arm(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "zero_shot", "single_site", "fed_medlora_plus", codec="int8")
    text = with_late_joiners(text)
    begun_without_lungs(tmp_path, text)
    run = tmp_path / "apart"
    assert finals_of(run, "zero_shot") == {"bones", "heart"}

    run_apart(tmp_path, text, wire(tmp_path, open_minded(tmp_path)), resume=True)

    assert complete(run)
    with RunStore.open(run) as store:
        arms = store.arms()
        assert {arm: set(store.finals(arm)) for arm in arms} == {
            arm: {"bones", "heart", "lungs"} for arm in arms
        }
    assert arms == [
        "zero_shot",
        "single_site:heart",
        "single_site:bones",
        "single_site:lungs",
        "fed_medlora_plus",
    ]
    results = json.loads((run / "results.json").read_bytes())
    compared = {(one["arm"], one["against"]) for one in results["comparisons"]}
    assert ("fed_medlora_plus", "zero_shot") in compared


def test_a_late_joiner_is_in_the_next_round(tmp_path: Path, bert: BaseModel) -> None:
    write_sites(tmp_path)
    text = with_late_joiners(experiment_text(bert, "scaffold", codec="int8"))
    begun_without_lungs(tmp_path, text)

    run_apart(tmp_path, text, wire(tmp_path, open_minded(tmp_path)), resume=True)

    first, second = rounds_of(tmp_path / "apart", "scaffold")
    assert set(first["shares"]) == {"bones", "heart"}
    assert set(second["shares"]) == {"bones", "heart", "lungs"}


def test_arms_of_a_late_joiner_stand_where_the_experiment_has_them(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    text = with_late_joiners(experiment_text(bert, "single_site", "fed_medlora", rounds=1))
    transport = wire(tmp_path, open_minded(tmp_path))
    transport.away = {"bones"}
    run = run_apart(tmp_path, text, transport)

    run_apart(tmp_path, text, wire(tmp_path, open_minded(tmp_path)), resume=True)

    with RunStore.open(run) as store:
        assert store.arms() == [
            "single_site:heart",
            "single_site:bones",
            "single_site:lungs",
            "fed_medlora",
        ]


def test_a_run_does_not_begin_below_its_quorum(tmp_path: Path, bert: BaseModel) -> None:
    write_sites(tmp_path)
    transport = wire(tmp_path, open_minded(tmp_path))
    transport.away = {"lungs"}

    with pytest.raises(EngineError, match="found that lungs never took part"):
        run_apart(
            tmp_path,
            with_late_joiners(experiment_text(bert, "fed_medlora"), quorum=3),
            transport,
        )


def test_a_joiner_that_annotates_more_than_the_run_began_with_is_left_out(
    tmp_path: Path, bert: BaseModel, caplog: pytest.LogCaptureFixture
) -> None:
    write_sites(tmp_path)
    text = with_late_joiners(experiment_text(bert, "fed_medlora"))
    begun_without_lungs(tmp_path, text)
    lungs = read_site(tmp_path / "lungs")
    more = Labels((*lungs.labels.entities, "test"), lungs.labels.relations)
    write_site(tmp_path / "more" / "lungs", replace(lungs, labels=more))
    all_ = {**open_minded(tmp_path), "lungs": services(tmp_path / "more")["lungs"]}

    run_apart(tmp_path, text, wire(tmp_path, all_), resume=True)

    assert complete(tmp_path / "apart")
    assert set(rounds_of(tmp_path / "apart")[1]["shares"]) == {"bones", "heart"}
    assert "site lungs: found that it annotates test, expected what the run" in caplog.text


def test_a_run_ends_without_a_site_that_left_for_good(tmp_path: Path, bert: BaseModel) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "zero_shot", "fed_medlora", rounds=3)
    transport = wire(tmp_path, open_minded(tmp_path))
    end_after_a_round(transport)
    run = run_apart(tmp_path, text, transport)
    away = wire(tmp_path, open_minded(tmp_path))
    away.away = {"lungs"}
    with pytest.raises(QuorumError, match="final scores: found none of lungs"):
        run_apart(tmp_path, text, away, resume=True)

    with RunStore.open(run, writable=True) as store:
        leave_for_good(store.experiment(), store, ["lungs"])
    run_apart(tmp_path, text, away, resume=True)

    assert complete(run)
    assert finals_of(run, "fed_medlora") == {"bones", "heart"}
    assert [set(one["shares"]) for one in rounds_of(run)] == [
        {"bones", "heart", "lungs"},
        {"bones", "heart"},
        {"bones", "heart"},
    ]
    results = json.loads((run / "results.json").read_bytes())
    assert results["left"] == ["lungs"]
    assert [site["name"] for site in results["sites"] if site["role"] == "train"] == [
        "heart",
        "bones",
    ]
    # Of the arm that it was scored by, its score counts in no comparison.
    assert {(one["arm"], one["against"]) for one in results["comparisons"]} == {
        ("fed_medlora", "zero_shot")
    }


def test_who_leaves_a_run_that_is_done_counts_in_it_no_more(
    tmp_path: Path, bert: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "single_site", "fed_medlora", rounds=1)
    run = run_apart(tmp_path, text, wire(tmp_path, open_minded(tmp_path)))
    compared: list[set[str]] = []

    def spy(finals: Finals, **rest: Any) -> list[dict[str, object]]:  # noqa: ANN401
        compared.append(set(finals))
        return compare(finals, **rest)

    monkeypatch.setattr("fedmedlora.experiment.run.compare", spy)
    with RunStore.open(run, writable=True) as store:
        leave_for_good(store.experiment(), store, ["lungs"])

    after = json.loads((run / "results.json").read_bytes())
    assert after["left"] == ["lungs"]
    assert {site["name"] for site in after["sites"]} == {"heart", "bones", "checks"}
    # Its arm is told of, but is no rival.
    assert "single_site:lungs" in {arm["name"] for arm in after["arms"]}
    assert compared == [{"single_site:heart", "single_site:bones", "fed_medlora"}]


def test_a_site_with_other_notes_than_it_joined_with_is_left_out(
    tmp_path: Path, bert: BaseModel, caplog: pytest.LogCaptureFixture
) -> None:
    write_sites(tmp_path)
    text = with_late_joiners(experiment_text(bert, "fed_medlora"))
    transport = wire(tmp_path, services(tmp_path))
    end_after_a_round(transport)
    run = run_apart(tmp_path, text, transport)
    lungs = read_site(tmp_path / "lungs")
    fewer = replace(lungs, splits={**lungs.splits, "train": lungs.splits["train"][:1]})
    write_site(tmp_path / "other" / "lungs", fewer)
    other = services(tmp_path / "other")["lungs"]

    changed = wire(tmp_path / "other", {**services(tmp_path), "lungs": other})
    with pytest.raises(QuorumError, match="final scores: found none of lungs"):
        run_apart(tmp_path, text, changed, resume=True)
    assert "site lungs: found other notes, or another site.json, expected what it" in caplog.text
    assert set(rounds_of(run)[1]["shares"]) == {"bones", "heart"}

    run_apart(tmp_path, text, wire(tmp_path, services(tmp_path)), resume=True)
    assert complete(run)


@pytest.mark.parametrize(
    ("sites", "found"),
    [
        (["spleen"], "--without: found 'spleen', expected one of heart, bones, lungs"),
        (
            ["heart", "bones"],
            "--without: found 1 training sites without bones, heart, expected a quorum of 2",
        ),
    ],
)
def test_who_cannot_leave_is_told(
    tmp_path: Path, bert: BaseModel, sites: list[str], found: str
) -> None:
    file = tmp_path / "apart.toml"
    file.write_text(with_late_joiners(experiment_text(bert, "fed_medlora")), encoding="utf-8")

    with (
        RunStore.create(tmp_path / "apart", experiment_path=file, environment={}) as store,
        pytest.raises(InputError) as refused,
    ):
        leave_for_good(store.experiment(), store, sites)

    assert str(refused.value) == found


def test_a_site_that_refuses_since_a_round_is_absent_with_the_reason(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "fed_medlora")
    transport = wire(tmp_path, services(tmp_path))
    end_after_a_round(transport)
    run = run_apart(tmp_path, text, transport)

    again = wire(tmp_path, services(tmp_path, bones=Policy(bases=("0" * 64,))))
    with pytest.raises(QuorumError, match="final scores: found none of bones"):
        run_apart(tmp_path, text, again, resume=True)

    ((absent,),) = (rounds_of(run)[1]["absences"],)
    assert absent["site"] == "bones"
    assert f"bases: found sha256 {bert.digest} asked for" in absent["reason"]


@pytest.mark.parametrize(
    ("subject", "change", "reason"),
    [
        (
            "join",
            {"name": "bones"},
            "found that it answers as 'bones' with the role 'train', expected 'heart' and 'train'",
        ),
        ("join", {"role": "external"}, "found that it answers as 'heart' with the role 'external'"),
        ("join", {"num_notes": {"train": 1}}, "found an answer of another shape (KeyError)"),
        ("join", {"role": "king"}, "found an answer of another shape (ValueError)"),
        ("open", {"token_counts": [-1]}, "found an answer of another shape (ValueError)"),
        ("open", {"token_counts": [2**70]}, "found an answer of another shape (OverflowError)"),
        ("open", {"token_counts": [1, 2]}, "found 2 token counts, expected "),
        (
            "join",
            {"own_lora": [1, 64]},
            "found LoRA rank 1 and alpha 64 of its own, expected None and None",
        ),
        ("join", {"own_lora": [1]}, "found an answer of another shape (ValueError)"),
        ("open", {"ceiling": 3}, "found an answer of another shape (StoreError)"),
        ("open", {"own": None}, "found an answer of another shape (TypeError)"),
        ("hold", {"held": "no"}, "found an answer of another shape (TypeError)"),
    ],
)
def test_a_site_that_says_what_makes_no_sense_is_left_out_and_the_others_go_on(
    tmp_path: Path,
    bert: BaseModel,
    caplog: pytest.LogCaptureFixture,
    subject: str,
    change: dict[str, object],
    reason: str,
) -> None:
    def other(answer: Message) -> Message:
        return replace(answer, body={**answer.body, **change})

    write_sites(tmp_path)
    all_ = open_minded(tmp_path)
    transport = wire(tmp_path, {**all_, "heart": Spoiling(all_["heart"], subject, other, until=1)})
    text = with_late_joiners(experiment_text(bert, "fed_medlora", rounds=1))

    run = run_apart(tmp_path, text, transport)

    assert f"site heart: {reason}" in caplog.text
    assert set(rounds_of(run)[0]["shares"]) == {"bones", "lungs"}


def test_what_nobody_knows_in_an_answer_is_left_out(tmp_path: Path, bert: BaseModel) -> None:
    def more(answer: Message) -> Message:
        own = {**answer.body.get("own", {}), "colour": "red"}
        return replace(answer, body={**answer.body, "own": own, "mood": "good"})

    write_sites(tmp_path)
    all_ = open_minded(tmp_path)
    heart = Spoiling(Spoiling(all_["heart"], "join", more), "open", more)

    run = run_apart(
        tmp_path,
        experiment_text(bert, "fed_medlora", rounds=1),
        wire(tmp_path, {**all_, "heart": heart}),
    )

    assert complete(run)
    with RunStore.open(run) as store:
        kept = store.meta("facts")["heart"], store.meta("members")["heart"]
    assert "mood" not in kept[0].keys() | kept[1].keys()
    assert kept[1]["own"] == {}
