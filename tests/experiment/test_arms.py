from dataclasses import replace

import pytest
from tests.experiment.fakes import EVERY_ARM, experiment, toml

from fedmedlora.evaluation.cohorts import OwnLora
from fedmedlora.experiment.arms import Arm, planned_arms, preferred_arm
from fedmedlora.federation.engine import Participant
from fedmedlora.federation.updates import SiteReport

TRAINED = ("heart", "bones")
HEART, BONES = Participant("heart", ("heart",)), Participant("bones", ("bones",))
SKIN = Participant("skin", ("skin",))


def planned(*names: str, new_sites: tuple[str, ...] = ("skin",)) -> list[Arm]:
    settings = experiment(toml(names))
    return planned_arms(settings, training_sites=TRAINED, new_sites=new_sites)


def only(*names: str, arm: str) -> Arm:
    (found,) = [one for one in planned(*names) if one.name == arm]
    return found


def test_arms_run_in_a_fixed_order_however_they_are_listed() -> None:
    names = [arm.name for arm in planned(*reversed(EVERY_ARM))]

    assert names == [
        "zero_shot",
        "single_site:heart",
        "single_site:bones",
        "centralised",
        "fed_medlora",
        "fed_medlora_plus",
        "local_only:skin",
        "adapted:skin",
        "joined:skin",
    ]


def test_zero_shot_has_no_round_and_nobody_who_trains() -> None:
    arm = only("zero_shot", arm="zero_shot")

    assert (arm.kind, arm.rounds, arm.participants, arm.chosen_on) == ("zero_shot", 0, (), ())


def test_a_single_site_trains_alone_and_its_own_dev_notes_choose() -> None:
    arm = only("single_site", arm="single_site:bones")

    assert (arm.kind, arm.participants, arm.chosen_on) == ("single_site", (BONES,), ("bones",))
    assert (arm.rounds, arm.start) == (3, None)


def test_the_centralised_arm_is_one_participant_with_the_notes_of_all() -> None:
    arm = only("centralised", arm="centralised")

    assert arm.participants == (Participant("centralised", TRAINED),)
    assert (arm.kind, arm.chosen_on, arm.rounds) == ("centralised", TRAINED, 3)


@pytest.mark.parametrize("name", ["fed_medlora", "fed_medlora_plus", "fed_medlora_plus_released"])
def test_a_federation_is_every_training_site_under_its_own_rule(name: str) -> None:
    arm = only(name, arm=name)

    assert (arm.kind, arm.participants, arm.chosen_on) == ("federated", (HEART, BONES), TRAINED)
    assert arm.strategy.name == name


def test_a_whole_model_is_averaged_as_the_adapters_of_the_same_sites_are() -> None:
    arm, adapter = only("bert", arm="bert"), only("fed_medlora", arm="fed_medlora")

    assert (arm.model, adapter.model) == ("bert", "own")
    assert arm.strategy.name == adapter.strategy.name
    assert replace(arm, name=adapter.name, strategy=adapter.strategy, model="own") == adapter


def test_one_participant_needs_no_loss_no_shift_and_no_limit() -> None:
    for arm in planned("single_site", "centralised", "fed_medlora_plus", "local_only", "adapted"):
        alone = len(arm.participants) == 1

        assert arm.strategy.needs == (set() if alone else {"validation_loss", "shift"})


def test_a_limit_on_shares_does_not_bind_who_trains_alone() -> None:
    settings = experiment(toml(("single_site", "fed_medlora", "bert"), max_share=0.5))
    alone, _, *together = planned_arms(settings, training_sites=TRAINED, new_sites=())
    reports = [
        SiteReport(site, 1, tokens, None, None)
        for site, tokens in zip(TRAINED, (9, 1), strict=True)
    ]

    assert alone.strategy.weigh({}, reports[:1]).shares == {"heart": 1.0}
    for arm in together:
        assert arm.strategy.weigh({}, reports).shares == {"heart": 0.5, "bones": 0.5}


def test_a_new_site_starts_alone_adapted_or_joined_and_chooses_nothing() -> None:
    arms = {arm.name: arm for arm in planned(*EVERY_ARM) if arm.kind == "new_site"}

    assert {name: (arm.participants, arm.start) for name, arm in arms.items()} == {
        "local_only:skin": ((SKIN,), None),
        "adapted:skin": ((SKIN,), "fed_medlora_plus"),
        "joined:skin": ((HEART, BONES, SKIN), "fed_medlora_plus"),
    }
    # As many rounds for all three: local-only gets the same number of steps.
    assert [(arm.rounds, arm.chosen_on) for arm in arms.values()] == [(2, ())] * 3


def test_who_joins_goes_on_under_the_rule_of_the_federation_it_joins() -> None:
    assert only("fed_medlora", "joined", arm="joined:skin").strategy.name == "fed_medlora"
    joined = only("fed_medlora", "fed_medlora_plus", "joined", arm="joined:skin")
    assert (joined.start, joined.strategy.name) == ("fed_medlora_plus", "fed_medlora_plus")


def test_a_site_s_own_rank_and_alpha_hold_in_all_its_arms() -> None:
    settings = experiment(toml(("single_site", "centralised", "fed_medlora", "bert", "local_only")))
    own = {"heart": OwnLora(rank=4), "skin": OwnLora(rank=16, alpha=16)}

    arms = planned_arms(settings, training_sites=TRAINED, new_sites=("skin",), own_lora=own)

    found = {
        (arm.name, one.name): (one.rank, one.scaling) for arm in arms for one in arm.participants
    }
    # The model's: rank 16, alpha 64, so 4.  heart: 64 / 4 = 16;  skin: 16 / 16 = 1
    assert found == {
        ("single_site:heart", "heart"): (4, 4.0),
        ("single_site:bones", "bones"): (None, 1.0),
        ("centralised", "centralised"): (None, 1.0),
        ("fed_medlora", "heart"): (4, 4.0),
        ("fed_medlora", "bones"): (None, 1.0),
        # No adapter, no rank.
        ("bert", "heart"): (None, 1.0),
        ("bert", "bones"): (None, 1.0),
        ("local_only:skin", "skin"): (None, 0.25),
    }


def test_each_new_site_has_its_own_arms() -> None:
    names = [arm.name for arm in planned("local_only", new_sites=("eyes", "skin"))]

    assert names == ["local_only:eyes", "local_only:skin"]


@pytest.mark.parametrize(
    ("arms", "preferred"),
    [
        (("fed_medlora", "fed_medlora_plus"), "fed_medlora_plus"),
        (("fed_medlora_plus_released", "fed_medlora"), "fed_medlora"),
        (("fed_medlora_plus_released",), "fed_medlora_plus_released"),
        (("zero_shot",), None),
    ],
)
def test_the_arm_that_stands_for_the_federation(
    arms: tuple[str, ...], preferred: str | None
) -> None:
    assert preferred_arm(experiment(toml(arms))) == preferred
