from dataclasses import replace

from tests.experiment.fakes import experiment, toml

from fedmedlora.experiment.arms import planned_arms
from fedmedlora.experiment.privacy import Privacy
from fedmedlora.experiment.private_arms import num_private_rounds, private_plan
from fedmedlora.experiment.schema import Experiment
from fedmedlora.federation.private_plan import PrivatePlan

ARMS = ("single_site", "centralised", "fed_medlora", "flora", "joined", "adapted", "local_only")


def asking(**privacy: object) -> Experiment:
    settings = replace(experiment(toml(ARMS)), arms=ARMS, rounds=3, new_site_rounds=2)
    return replace(settings, privacy=Privacy(**{"mode": "record", "epsilon": 8.0, **privacy}))  # type: ignore[arg-type]


def plans(settings: Experiment, site: str) -> dict[str, PrivatePlan | None]:
    arms = planned_arms(settings, training_sites=("heart",), new_sites=("skin",))
    here = [arm for arm in arms if site in [one.name for one in arm.participants]]
    return {arm.name: private_plan(settings, arm, site) for arm in here}


def test_arms_whose_adapters_leave_a_site_are_private_and_yardsticks_are_not() -> None:
    private = {name: plan is not None for name, plan in plans(asking(), "heart").items()}

    assert private == {
        "single_site:heart": False,
        "fed_medlora": True,
        "flora": True,
        "joined:skin": True,
    }
    assert set(plans(asking(mode="none", epsilon=None), "heart").values()) == {None}
    assert set(plans(asking(mode="site"), "heart").values()) == {None}


def test_epsilon_is_for_all_that_a_run_asks_of_a_site() -> None:
    settings = asking(steps=5)
    new = len(settings.sites_of("new_site"))

    # Two federated arms of 3 rounds; 2 rounds with each new site that joins.
    assert num_private_rounds(settings, is_new=False) == 2 * 3 + 2 * new
    # local_only, adapted and joined
    assert num_private_rounds(settings, is_new=True) == 3 * 2
    of_heart, of_skin = plans(settings, "heart")["joined:skin"], plans(settings, "skin")
    assert of_heart is not None
    assert of_heart.run_steps == 5 * (6 + 2 * new)
    assert {plan.run_steps for plan in of_skin.values() if plan} == {5 * 6}
