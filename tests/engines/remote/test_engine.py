"""What becomes of a run whose sites fail, leave, come back or say what makes no sense."""

import importlib.util
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.engines.remote.federations import (
    SITES,
    experiment_text,
    run_apart,
    run_here,
    services,
    write_sites,
)
from tests.engines.remote.loopback import Loopback
from tests.engines.remote.spoiling import (
    Change,
    Spoiling,
    complete,
    end_after_a_round,
    failing,
    rounds_of,
    wire,
)

from fedmedlora.engines.remote.coordinating import own_settings
from fedmedlora.engines.remote.machine import Machine, read_machine
from fedmedlora.engines.remote.messages import Grace, Message, Service
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.remote.service import SiteService
from fedmedlora.errors import EngineError, QuorumError, TrainingError
from fedmedlora.experiment.results import results
from fedmedlora.experiment.store import RunStore
from fedmedlora.training.base_models import BaseModel


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (failing, "found too little memory"),
        (lambda answer: replace(answer, body={}), "found an answer of another shape (KeyError)"),
        (lambda answer: replace(answer, files={}), "found an answer of another shape (KeyError)"),
        (
            lambda answer: replace(answer, body={**answer.body, "num_tokens": "many"}),
            "found an answer of another shape (ValueError)",
        ),
        (
            lambda answer: replace(answer, body={**answer.body, "base": "0" * 64}),
            "update of heart: base model: found 0000",
        ),
        (
            lambda answer: replace(answer, body={**answer.body, "round_index": 7}),
            "update of heart: round: found 7",
        ),
    ],
)
def test_a_site_that_fails_is_absent_and_the_others_go_on(
    tmp_path: Path, bert: BaseModel, change: Change, reason: str
) -> None:
    write_sites(tmp_path)
    all_ = services(tmp_path)
    spoilt: dict[str, Service] = {
        **all_,
        "heart": Spoiling(all_["heart"], "train", change, after=1),
    }

    run = run_apart(tmp_path, experiment_text(bert, "fed_medlora"), wire(tmp_path, spoilt))

    first, second = rounds_of(run)
    assert first["absences"] == []
    assert set(second["shares"]) == {"bones", "lungs"}
    ((absent,),) = (second["absences"],)
    assert (absent["site"], reason in absent["reason"]) == ("heart", True)


def test_a_truncated_update_is_refused(tmp_path: Path, bert: BaseModel) -> None:
    def truncated(answer: Message) -> Message:
        path = answer.files["update"]
        path.write_bytes(path.read_bytes()[:-10])
        return answer

    write_sites(tmp_path)
    all_ = services(tmp_path)
    spoilt: dict[str, Service] = {**all_, "heart": Spoiling(all_["heart"], "train", truncated)}

    run = run_apart(tmp_path, experiment_text(bert, "fed_medlora"), wire(tmp_path, spoilt))

    absences = [one["absences"][0] for one in rounds_of(run)]
    assert [(one["site"], one["code"]) for one in absences] == [("heart", "unreadable")] * 2


def test_an_update_that_is_too_large_to_be_fetched_is_refused_as_such(
    tmp_path: Path, bert: BaseModel
) -> None:
    def longer(answer: Message) -> Message:
        with answer.files["update"].open("ab") as file:
            file.write(bytes(50_000_000))
        return answer

    write_sites(tmp_path)
    all_ = services(tmp_path)
    spoilt: dict[str, Service] = {**all_, "heart": Spoiling(all_["heart"], "train", longer)}
    text = experiment_text(bert, "fed_medlora", rounds=1)

    (only,) = rounds_of(run_apart(tmp_path, text, wire(tmp_path, spoilt)))

    assert [(one["site"], one["code"]) for one in only["absences"]] == [("heart", "too_large")]


@pytest.mark.parametrize("subject", ["join", "open", "hold", "evaluate", "predictions", "loss"])
def test_what_a_site_sends_beside_its_update_is_not_let_in(
    tmp_path: Path, bert: BaseModel, subject: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")

    def heavier(answer: Message) -> Message:
        return replace(answer, files={"more": file})

    write_sites(tmp_path)
    text = experiment_text(bert, "q_fed_avg", rounds=1).replace(
        'name = "nvflare"', 'name = "nvflare"\nlate_joiners = true'
    )
    text = text.replace("seed = 3", "seed = 3\nquorum = 2")
    all_ = services(tmp_path)
    heart = Spoiling(all_["heart"], subject, heavier, until=1)
    transport = wire(tmp_path, {**all_, "heart": heart})

    run_apart(tmp_path, text, transport)

    assert heart.asked
    assert transport.refused == [("heart", subject)]


def test_files_that_nobody_asked_for_are_removed(tmp_path: Path, bert: BaseModel) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")

    def heavier(answer: Message) -> Message:
        return replace(answer, files={**answer.files, "more": file})

    def without_tokens(answer: Message) -> Message:
        body = {key: answer.body[key] for key in answer.body if key != "num_tokens"}
        return replace(answer, body=body)

    write_sites(tmp_path)
    all_ = services(tmp_path)
    transport = wire(
        tmp_path,
        {
            **all_,
            "heart": Spoiling(all_["heart"], "train", heavier),
            "lungs": Spoiling(all_["lungs"], "train", without_tokens),
        },
    )
    text = experiment_text(bert, "fed_medlora", rounds=1)

    run_apart(tmp_path, text, transport)

    assert len(transport.came) == 4
    assert not [path for path in transport.came if path.exists()]


def test_a_site_that_its_policy_keeps_out_says_why(tmp_path: Path, bert: BaseModel) -> None:
    write_sites(tmp_path)
    sites = services(tmp_path, bones=Policy(rounds=1))

    expected = "^policy.toml of the site: rounds: found 2 asked for, expected 1 at most; "
    with pytest.raises(EngineError, match=expected):
        run_apart(tmp_path, experiment_text(bert, "fed_medlora"), wire(tmp_path, sites))


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("model.safetensors", "base model '.*/bones/base': found sha256 "),
        ("tokenizer.json", "base model '.*/bones/base': found another config.json or tokenizer "),
        ("config.json", "base model '.*/bones/base': found another config.json or tokenizer "),
    ],
)
def test_a_site_with_another_base_or_tokenizer_says_so(
    tmp_path: Path, bert: BaseModel, file: str, reason: str
) -> None:
    write_sites(tmp_path)
    for folder in (tmp_path, *(tmp_path / site for site in SITES)):
        shutil.copytree(bert.folder, folder / "base")
    changed = tmp_path / "bones" / "base" / file
    changed.write_bytes(changed.read_bytes() + b"\n")
    text = experiment_text(bert, "fed_medlora").replace(str(bert.folder), "./base")

    with pytest.raises(EngineError, match=reason):
        run_apart(tmp_path, text, wire(tmp_path, services(tmp_path)))


@pytest.mark.parametrize("own", [{}, {"num_threads": 8}])
def test_a_site_that_draws_another_start_is_kept_out(
    tmp_path: Path, bert: BaseModel, own: dict[str, object]
) -> None:
    def other(answer: Message) -> Message:
        return replace(answer, body={**answer.body, "initial": "0" * 64, "own": own})

    write_sites(tmp_path)
    all_ = services(tmp_path)
    spoilt: dict[str, Service] = {**all_, "heart": Spoiling(all_["heart"], "open", other)}

    with pytest.raises(EngineError, match="site heart: found that it starts from another adapter"):
        run_apart(tmp_path, experiment_text(bert, "fed_medlora"), wire(tmp_path, spoilt))


@pytest.mark.parametrize("own", ['dtype = "bfloat16"', 'quantization = "4bit"', "batch_size = 1"])
def test_sites_on_unlike_machines_train_together(tmp_path: Path, bert: BaseModel, own: str) -> None:
    write_sites(tmp_path)
    (tmp_path / "machine.toml").write_text(own)
    bones = SiteService(
        "bones",
        data=tmp_path / "bones",
        store=tmp_path / "bones_store",
        policy=Policy(),
        machine=read_machine(tmp_path),
    )
    text = experiment_text(bert, "fed_medlora", rounds=1)
    here = run_here(tmp_path, text)

    run = run_apart(tmp_path, text, wire(tmp_path, {**services(tmp_path), "bones": bones}))

    with RunStore.open(run) as store:
        told_own = {key: str(value) for key, value in tomllib.loads(own).items()}
        assert own_settings(store) == {"bones": told_own}
        (told,) = [one for one in results(store)["sites"] if one["name"] == "bones"]
    assert told["machine"] == told_own
    (one,), (there,) = rounds_of(here), rounds_of(run)
    assert set(there["shares"]) == {"bones", "heart", "lungs"}
    assert (there["shares"], there["adapter"]) != (one["shares"], one["adapter"])


def test_a_site_whose_machine_cannot_do_what_it_says_is_told(
    tmp_path: Path, bert: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    write_sites(tmp_path)
    lungs = SiteService(
        "lungs",
        data=tmp_path / "lungs",
        store=tmp_path / "lungs_store",
        policy=Policy(),
        machine=Machine(quantization="4bit"),
    )

    with pytest.raises(EngineError, match="4bit"):
        run_apart(
            tmp_path,
            experiment_text(bert, "fed_medlora"),
            wire(tmp_path, {**services(tmp_path), "lungs": lungs}),
        )


def test_a_round_waits_for_a_site_that_is_gone_and_ends_in_the_same_bytes(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "fed_medlora", codec="int8")
    here = run_here(tmp_path, text)
    transport = wire(tmp_path, services(tmp_path))
    all_ = dict(transport.services)

    def leave(answer: Message) -> Message:
        transport.away.add("bones")
        return answer

    transport.services = {**all_, "heart": Spoiling(all_["heart"], "train", leave, after=1)}
    run = run_apart(tmp_path, text, transport)
    assert len(rounds_of(run)) == 1

    # It comes back, and has lost what it held.
    shutil.rmtree(tmp_path / "bones_store" / "held")
    again = wire(tmp_path, services(tmp_path))
    run_apart(tmp_path, text, again, resume=True)

    # What the others had answered is not asked for again.
    assert [site for site, subject, _ in again.asked if subject == "train"] == ["bones"]
    assert ("bones", "hold", ("bundle",)) in again.asked
    assert rounds_of(run) == rounds_of(here)


def test_a_session_that_is_to_end_ends_between_rounds_and_the_next_goes_on_to_the_same_bytes(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "scaffold", codec="int8", rounds=3)
    here = run_here(tmp_path, text)
    transport = wire(tmp_path, services(tmp_path))
    end_after_a_round(transport)
    run = run_apart(tmp_path, text, transport)
    assert len(rounds_of(run, "scaffold")) == 1
    assert not complete(run)

    # Other processes at the sites: what they keep lies on their disks.
    run_apart(tmp_path, text, wire(tmp_path, services(tmp_path)), resume=True)

    assert complete(run)
    assert rounds_of(run, "scaffold") == rounds_of(here, "scaffold")


def test_a_session_without_a_site_that_took_part_before_goes_on_with_the_others(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "fed_medlora_plus", rounds=2)
    transport = wire(tmp_path, services(tmp_path))
    end_after_a_round(transport)
    run = run_apart(tmp_path, text, transport)

    again = wire(tmp_path, services(tmp_path))
    again.away = {"lungs"}
    with pytest.raises(QuorumError, match="final scores: found none of lungs"):
        run_apart(tmp_path, text, again, resume=True)

    assert [set(one["shares"]) for one in rounds_of(run, "fed_medlora_plus")] == [
        {"bones", "heart", "lungs"},
        {"bones", "heart"},
    ]


def test_who_failed_is_asked_again_what_it_holds(tmp_path: Path, bert: BaseModel) -> None:
    write_sites(tmp_path)
    all_ = services(tmp_path)

    def lose_the_disk(_: Message) -> Message:
        shutil.rmtree(tmp_path / "heart_store" / "held")
        raise TrainingError("found no disk, expected one")

    heart = Spoiling(all_["heart"], "train", lose_the_disk, after=1, until=2)
    spoilt: dict[str, Service] = {**all_, "heart": heart}
    transport = wire(tmp_path, spoilt)

    run = run_apart(tmp_path, experiment_text(bert, "fed_medlora", rounds=3), transport)

    assert [len(one["shares"]) for one in rounds_of(run)] == [3, 2, 3]


def test_what_a_site_let_go_of_is_sent_again(tmp_path: Path, bert: BaseModel) -> None:
    write_sites(tmp_path)
    # Nine rounds of heart alone push out the start, which the next arm begins with too.
    text = experiment_text(bert, "single_site", "fed_medlora", codec="int8", rounds=9)
    text = text.replace("seed = 3", "seed = 3\npatience = 100")
    sites = services(tmp_path, **dict.fromkeys(SITES, Policy(single_site=True)))
    transport = wire(tmp_path, sites)

    run = run_apart(tmp_path, text, transport)

    assert ("heart", "hold", ("bundle",)) in transport.asked
    assert [len(one["shares"]) for one in rounds_of(run)] == [3] * 9


def test_a_coordinator_that_is_cut_off_in_a_round_asks_only_who_had_not_answered(
    tmp_path: Path, bert: BaseModel
) -> None:
    class Cut(Exception):  # noqa: N818 -- what a kill looks like from inside
        pass

    def cut(_: Message) -> Message:
        raise Cut

    write_sites(tmp_path)
    text = experiment_text(bert, "fed_medlora", codec="int8")
    here = run_here(tmp_path, text)
    all_ = services(tmp_path)
    # The one that is asked last.
    spoilt: dict[str, Service] = {**all_, "bones": Spoiling(all_["bones"], "train", cut, after=1)}
    with pytest.raises(Cut):
        run_apart(tmp_path, text, wire(tmp_path, spoilt))

    again = wire(tmp_path, services(tmp_path))
    run = run_apart(tmp_path, text, again, resume=True)

    assert [site for site, subject, _ in again.asked if subject == "train"] == ["bones"]
    assert rounds_of(run) == rounds_of(here)


def once(transport: Loopback, standing: set[str], subject: str, **when: int) -> None:
    """Have bones stand so from an answer of heart on, which is asked before it."""

    def stand(answer: Message) -> Message:
        standing.add("bones")
        return answer

    own = transport.services
    transport.services = {**own, "heart": Spoiling(own["heart"], subject, stand, **when)}


def in_quorum_or_grace(bert: BaseModel) -> str:
    """Return an experiment of which each round needs all three sites."""
    text = experiment_text(bert, "fed_medlora").replace("seed = 3", "seed = 3\nquorum = 3")
    return text.replace('name = "nvflare"', 'name = "nvflare"\ngrace_s = 5.0')


def test_a_round_does_without_a_straggler_and_the_final_scores_wait_for_it(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    transport = wire(tmp_path, services(tmp_path))
    once(transport, transport.late, "train", after=1)

    run = run_apart(tmp_path, experiment_text(bert, "fed_medlora"), transport)

    assert complete(run)
    assert set(rounds_of(run)[1]["shares"]) == {"heart", "lungs"}
    assert set(rounds_of(run)[1]["evaluation"]) == {"heart", "lungs"}
    with RunStore.open(run) as store:
        assert set(store.finals("fed_medlora")) == set(SITES)


def test_a_round_that_needs_a_straggler_for_its_quorum_waits_for_it(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    transport = wire(tmp_path, services(tmp_path))
    # In the first round's scores, so that it is late when the second begins.
    once(transport, transport.late, "evaluate", until=1)

    run = run_apart(tmp_path, in_quorum_or_grace(bert), transport)

    assert complete(run)
    assert [set(one["shares"]) for one in rounds_of(run)] == [{*SITES}] * 2


def test_the_grace_begins_with_a_quorum_of_all_that_have_handed_in(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    transport = wire(tmp_path, services(tmp_path))
    once(transport, transport.away, "train", after=1)

    run_apart(tmp_path, in_quorum_or_grace(bert), transport)
    again = wire(tmp_path, services(tmp_path))
    run_apart(tmp_path, in_quorum_or_grace(bert), again, resume=True)

    assert transport.graces == [Grace(3, 5.0), Grace(3, 5.0)]
    assert again.graces == [Grace(1, 5.0)]


def test_a_final_score_that_did_not_come_is_asked_for_again(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "fed_medlora", rounds=1)
    all_ = services(tmp_path)
    spoilt: dict[str, Service] = {
        **all_,
        "lungs": Spoiling(all_["lungs"], "evaluate", failing, after=1),
    }
    with pytest.raises(QuorumError, match="final scores: found none of lungs"):
        run_apart(tmp_path, text, wire(tmp_path, spoilt))

    again = wire(tmp_path, services(tmp_path))
    run = run_apart(tmp_path, text, again, resume=True)

    asked = [(site, subject) for site, subject, _ in again.asked if subject == "evaluate"]
    # Then each training site, for how sure the arm's adapter is on its dev notes.
    assert asked == [(site, "evaluate") for site in ("lungs", "lungs", "heart", "bones")]
    assert complete(run)


def test_what_an_arm_kept_is_there_once_later_arms_are_done(
    tmp_path: Path, bert: BaseModel
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, "fed_sa_lora", "q_fed_avg", "scaffold", codec="int8")
    all_ = services(tmp_path)
    # After two rounds of the first arm its final score is the third.
    lungs = Spoiling(all_["lungs"], "evaluate", failing, after=2, until=3)
    spoilt: dict[str, Service] = {**all_, "lungs": lungs}
    with pytest.raises(QuorumError, match="arm fed_sa_lora: final scores: found none of lungs"):
        run_apart(tmp_path, text, wire(tmp_path, spoilt))

    run = run_apart(tmp_path, text, wire(tmp_path, services(tmp_path)), resume=True)

    assert complete(run)
