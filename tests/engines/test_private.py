"""Private runs: who pays when, what is told, what a kill and a budget make of it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engines.backbones import tagging_backbone
from tests.engines.remote.federations import (
    SITES,
    experiment_text,
    run_apart,
    services,
    write_sites,
)
from tests.engines.remote.loopback import Loopback
from tests.engines.test_local import CHANNELS, cohort, note
from tests.training.tiny_models import tiny_bert

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.engines.local import LocalEngine
from fedmedlora.engines.private import PrivateSide
from fedmedlora.engines.remote.policy import Policy
from fedmedlora.engines.units import in_units
from fedmedlora.errors import FedMedLoRAError, QuorumError, TrainingError
from fedmedlora.experiment.results import results
from fedmedlora.experiment.store import RunStore
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.engine import Outcome, Participant
from fedmedlora.federation.private_plan import PrivatePlan
from fedmedlora.privacy.accounting import epsilon
from fedmedlora.privacy.randomness import FixedRandomness, OsRandomness, Randomness
from fedmedlora.privacy.spending import Budget, Payment, Spending
from fedmedlora.reporting.page import render
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.tagging import Tagging, TaggingExample
from fedmedlora.training.base_models import BaseModel
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

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
PLAN = LocalPlan(seed=1, round_index=1, num_rounds=2, private=PRIVATE)
# 2 of 4 notes a step.
PAID = Payment("a", "demo", "fed_medlora", 1, "note", 2.0, 0.5, 3)
RECORD = '\n[privacy]\nmode = "record"\nnoise_multiplier = 1.5\nsteps = 2\n'


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def engine_of(
    backbone: HuggingFaceBackbone[TaggingExample],
    base: BaseModel,
    spending: Spending,
    *,
    randomness: Randomness | None = None,
) -> LocalEngine[TaggingExample]:
    tokenizer = HuggingFaceTokenizer(base.folder)
    return LocalEngine(
        backbone,
        Extraction(Tagging(CHANNELS, tokenizer), tokenizer, 40),
        {"a": cohort("a", train=4)},
        tokenizer=tokenizer,
        vocabulary=(),
        shelf=MemoryShelf(),
        private=PrivateSide(backbone, spending, randomness or OsRandomness()),
    )


def trained(
    bert: BaseModel,
    spending: Spending,
    plan: LocalPlan = PLAN,
    *,
    randomness: Randomness | None = None,
) -> Outcome:
    backbone = tagging_backbone(bert, CHANNELS)
    engine = engine_of(backbone, bert, spending, randomness=randomness)
    (outcome,) = engine.train([Participant("a", ("a",))], engine.initial(), {"a": plan})
    return outcome


def said(outcome: Outcome) -> dict[str, Any]:
    assert outcome.sent is not None
    assert outcome.sent.privacy is not None
    return dict(outcome.sent.privacy)


class TestTraining:
    def test_it_is_paid_for_and_told(self, bert: BaseModel, tmp_path: Path) -> None:
        spending = Spending(tmp_path)

        outcome = trained(bert, spending)

        told = said(outcome)
        assert spending.paid("a") == (PAID,)
        assert told["epsilon"] == epsilon(2.0, 0.5, 3, 1e-5)
        assert told["is_private"] is True
        loose = replace(PLAN, private=replace(PRIVATE, delta=0.3))
        # One in 4 notes.
        assert "Delta is not below one in 4" in said(trained(bert, spending, loose))["sentence"]
        # Made of the notes, and hidden by no noise.
        assert outcome.sent is not None
        assert np.isnan(outcome.sent.loss)

    def test_another_time_gives_another_adapter(self, bert: BaseModel, tmp_path: Path) -> None:
        one, other = (trained(bert, Spending(tmp_path / name)).sent for name in ("a", "b"))

        assert one is not None
        assert other is not None
        assert one.payload != other.payload

    def test_a_fixed_generator_gives_the_same_and_says_that_it_hides_nothing(
        self, bert: BaseModel, tmp_path: Path
    ) -> None:
        one, other = (
            trained(bert, Spending(tmp_path / name), randomness=FixedRandomness(5))
            for name in ("a", "b")
        )

        assert one.sent is not None
        assert other.sent is not None
        assert one.sent.payload == other.sent.payload
        assert said(one)["is_private"] is False
        assert said(one)["sentence"].startswith("Not private")

    def test_it_is_paid_for_before_the_first_step(self, bert: BaseModel, tmp_path: Path) -> None:
        spending = Spending(tmp_path)
        seen: list[tuple[Payment, ...]] = []

        class Stop(Exception):  # noqa: N818 -- what a kill looks like from inside
            pass

        class Killed(OsRandomness):
            def uniform(self, number: int) -> NDArray[np.float64]:
                seen.append(spending.paid("a"))
                raise Stop(number)

        with pytest.raises(Stop):
            trained(bert, spending, randomness=Killed())
        again = trained(bert, spending)

        assert seen == [(PAID,)]
        # What was cut short is paid for again, and told.
        assert spending.paid("a") == (PAID, PAID)
        assert said(again)["epsilon"] == epsilon(2.0, 0.5, 6, 1e-5)

    def test_beyond_the_budget_nothing_is_trained(self, bert: BaseModel, tmp_path: Path) -> None:
        spending = Spending(tmp_path, Budget(0.5, 1e-5))

        outcome = trained(bert, spending)

        assert outcome.sent is None
        assert "the site's budget is spent, nothing was trained" in outcome.reason
        assert spending.paid("a") == ()

    def test_an_epsilon_for_the_run_is_kept_by_all_its_steps(
        self, bert: BaseModel, tmp_path: Path
    ) -> None:
        spending = Spending(tmp_path)
        private = replace(PRIVATE, epsilon=3.0, noise_multiplier=None)

        first = trained(bert, spending, replace(PLAN, private=private))
        second = trained(bert, spending, replace(PLAN, round_index=2, private=private))

        assert said(first)["epsilon"] < said(second)["epsilon"] <= 3.0
        assert said(second)["epsilon"] > 2.95

    def test_an_engine_without_a_record_trains_nothing_in_private(self, bert: BaseModel) -> None:
        backbone = tagging_backbone(bert, CHANNELS)
        tokenizer = HuggingFaceTokenizer(bert.folder)
        engine = LocalEngine(
            backbone,
            Extraction(Tagging(CHANNELS, tokenizer), tokenizer, 40),
            {"a": cohort("a")},
            tokenizer=tokenizer,
            vocabulary=(),
            shelf=MemoryShelf(),
        )

        (outcome,) = engine.train([Participant("a", ("a",))], engine.initial(), {"a": PLAN})

        assert "keeps no record of what is spent" in outcome.reason


class TestInUnits:
    EXAMPLES: Sequence[Sequence[Any]] = [["w1", "h1"], ["w2"], []]

    def test_each_note_is_one(self) -> None:
        notes = [replace(note(f"n{i}"), patient=patient) for i, patient in enumerate("xyx")]

        units = in_units(notes, self.EXAMPLES, "note")

        assert units.examples == [["w1", "h1"], ["w2"], []]
        assert units.most_notes == 2

    def test_all_notes_of_a_patient_are_one(self) -> None:
        notes = [replace(note(f"n{i}"), patient=patient) for i, patient in enumerate("xxy")]

        units = in_units(notes, self.EXAMPLES, "patient")

        assert units.examples == [["w1", "h1", "w2"], []]

    def test_a_note_of_nobody_is_refused_where_patients_count(self) -> None:
        notes = [note("n1"), replace(note("n2"), patient="x"), note("n3")]

        assert in_units(notes, self.EXAMPLES, "note").most_notes == 1
        with pytest.raises(TrainingError, match="found 2 notes without patient"):
            in_units(notes, self.EXAMPLES, "patient")


@pytest.fixture
def apart(tmp_path: Path) -> tuple[Path, Path]:
    write_sites(tmp_path)
    folder = tmp_path / "transport"
    folder.mkdir()
    return tmp_path, folder


class TestBetweenHospitals:
    def test_each_site_keeps_its_record_and_all_is_told(
        self, apart: tuple[Path, Path], bert: BaseModel
    ) -> None:
        folder, transport = apart
        text = experiment_text(bert, "fed_medlora", "fed_medlora_plus") + RECORD
        policies = {site: Policy(private="record", epsilon=200.0) for site in SITES}

        run = run_apart(folder, text, Loopback(services(folder, **policies), transport))

        with RunStore.open(run) as store:
            told = results(store)
            page = render(told, [])
            rounds = store.rounds("fed_medlora")
        for site in SITES:
            paid = Spending(folder / f"{site}_store").paid(site)
            # The arms share their first round: 2 rounds and 1, of 2 steps.
            assert [one.round_index for one in paid] == [1, 2, 2]
            assert {one.rate for one in paid} == {1.0}
            said = told["privacy"]["said"][site]
            assert said["epsilon"] == epsilon(1.5, 1.0, 6, 1e-5)
            assert rounds[0]["privacy"][site]["epsilon"] == epsilon(1.5, 1.0, 2, 1e-5)
            assert said["sentence"].split("(", 1)[1][:20] in page
        assert "Differential privacy, in a sentence" in page

    def test_a_site_whose_policy_asks_for_more_takes_no_part(
        self, apart: tuple[Path, Path], bert: BaseModel
    ) -> None:
        folder, transport = apart
        policies = {"heart": Policy(private="record", epsilon=1.0)}
        sites = services(folder, **policies)

        with pytest.raises(FedMedLoRAError, match=r"private: found privacy\.mode"):
            run_apart(folder, experiment_text(bert, "fed_medlora"), Loopback(sites, transport))

    def test_a_training_without_the_noise_that_was_told_is_refused_by_every_site(
        self, apart: tuple[Path, Path], bert: BaseModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder, transport = apart
        monkeypatch.setattr("fedmedlora.experiment.open_round.private_plan", lambda *_: None)

        with pytest.raises(QuorumError, match="found another one in a training"):
            run_apart(
                folder,
                experiment_text(bert, "fed_medlora") + RECORD,
                Loopback(services(folder), transport),
            )

    def test_a_budget_that_is_spent_leaves_the_site_out_with_the_reason(
        self, apart: tuple[Path, Path], bert: BaseModel
    ) -> None:
        folder, transport = apart
        # Two steps of sigma 1.5 are within it, four are not.
        most = epsilon(1.5, 1.0, 3, 1e-5)
        policies = {"heart": Policy(private="record", epsilon=most)}
        text = experiment_text(bert, "fed_medlora") + RECORD

        run = run_apart(folder, text, Loopback(services(folder, **policies), transport))

        with RunStore.open(run) as store:
            first, second = store.rounds("fed_medlora")
        assert first["absences"] == []
        ((absent, reason),) = [(one["site"], one["reason"]) for one in second["absences"]]
        assert absent == "heart"
        assert "the site's budget is spent, nothing was trained" in reason
        assert [one.round_index for one in Spending(folder / "heart_store").paid("heart")] == [1]


class Cut(Exception):  # noqa: N818 -- what a kill looks like from inside
    """Thrown between two answers."""


def test_an_update_that_was_made_is_kept_over_a_resume_and_not_paid_again(
    apart: tuple[Path, Path], bert: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, transport = apart
    text = experiment_text(bert, "fed_medlora", rounds=1) + RECORD
    sites = services(folder)
    asked = sites["lungs"].answer

    def gone(question: Any, place: Path) -> Any:  # noqa: ANN401
        if question.subject == "train":
            raise Cut
        return asked(question, place)

    monkeypatch.setattr(sites["lungs"], "answer", gone)
    with pytest.raises(Cut):
        run_apart(folder, text, Loopback(sites, transport))
    monkeypatch.setattr(sites["lungs"], "answer", asked)

    later = folder / "later"
    later.mkdir()
    run = run_apart(folder, text, Loopback(sites, later), resume=True)

    with RunStore.open(run) as store:
        (document,) = store.rounds("fed_medlora")
    assert document["absences"] == []
    paid = {site: len(Spending(folder / f"{site}_store").paid(site)) for site in SITES}
    assert paid == {"heart": 1, "bones": 1, "lungs": 1}


def test_a_run_that_hides_sites_pays_at_the_server_and_tells_its_noise(
    apart: tuple[Path, Path], bert: BaseModel, caplog: pytest.LogCaptureFixture
) -> None:
    folder, transport = apart
    text = experiment_text(bert, "fed_medlora") + (
        '\n[privacy]\nmode = "site"\nnoise_multiplier = 4.0\nshares = [0.5, 0.3, 0.2]\n'
    )

    run = run_apart(folder, text, Loopback(services(folder), transport))

    with RunStore.open(run) as store:
        told = results(store)["privacy"]
        first, second = store.rounds("fed_medlora")
    assert [one.round_index for one in Spending(run).paid("server")] == [1, 2]
    assert told["said"]["server"]["epsilon"] == epsilon(4.0, 1.0, 2, 1e-5)
    assert first["shares"] == second["shares"] == {"bones": 0.3, "heart": 0.5, "lungs": 0.2}
    # Scaling by what others sent would let one site move them.
    assert second["clipping"]["bounds"]["adapter"] > 1e29
    # z C max w = 4 * 1 * 0.5
    assert "noise of standard deviation 2," in told["said"]["server"]["sentence"]
    assert "With 3 sites" in caplog.text
