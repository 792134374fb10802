import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from tests.engines.remote.federations import experiment_text
from tests.training.tiny_models import tiny_bert

from fedmedlora.engines.remote import machine
from fedmedlora.engines.remote.policy import EXAMPLE, Policy, read_policy
from fedmedlora.errors import InputError
from fedmedlora.experiment.config import parse_experiment
from fedmedlora.experiment.schema import Experiment
from fedmedlora.sites import SiteRole
from fedmedlora.training.base_models import BaseModel


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def asking(base: BaseModel, *arms: str, rounds: int = 2) -> Experiment:
    text = experiment_text(base, *(arms or ("fed_medlora",)), rounds=rounds)
    return parse_experiment(text, name="asked.toml", folder=Path("/asked"))


def test_what_no_file_forbids_is_permitted(tmp_path: Path, base: BaseModel) -> None:
    policy = read_policy(tmp_path)

    policy.require(asking(base), "train")
    policy.require_base("b" * 64)
    policy.require_update(10**9)


def test_a_file_says_what_is_permitted(tmp_path: Path) -> None:
    text = f'bases = ["{"a" * 64}"]\nformulations = ["markup"]\nrounds = 3\nupdate_bytes = 1000\n'
    (tmp_path / "policy.toml").write_text(text, encoding="utf-8")

    assert read_policy(tmp_path) == Policy(
        bases=("a" * 64,), formulations=("markup",), rounds=3, update_bytes=1000
    )


def test_the_example_says_what_holds_without_a_file(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(EXAMPLE, encoding="utf-8")

    assert read_policy(tmp_path) == Policy()
    assert [field.name for field in fields(Policy) if f"{field.name} = " not in EXAMPLE] == []


def test_the_example_of_a_machine_says_all_that_can_be_said(tmp_path: Path) -> None:
    counting = re.sub(r"^# (\w+ = )", r"\1", machine.EXAMPLE, flags=re.MULTILINE)
    (tmp_path / "machine.toml").write_text(counting, encoding="utf-8")

    assert None not in asdict(machine.read_machine(tmp_path)).values()
    assert machine.AS_TOLD.own() == {}


def test_all_that_is_not_permitted_is_told_at_once(base: BaseModel) -> None:
    policy = Policy(formulations=("markup",), rounds=1)

    with pytest.raises(InputError) as refused:
        policy.require(asking(base, "single_site", "fed_medlora"), "train")

    assert [fault.where for fault in refused.value.faults] == [
        "policy.toml of the site: formulations",
        "policy.toml of the site: rounds",
        "policy.toml of the site: single_site",
    ]


def test_a_site_that_opts_in_may_train_alone(base: BaseModel) -> None:
    Policy(single_site=True).require(asking(base, "single_site"), "train")


@pytest.mark.parametrize(
    ("arm", "role", "is_alone"),
    [
        ("personalised", "train", True),
        ("personalised", "external", False),
        ("adapted", "new_site", True),
        ("adapted", "train", False),
        ("joined", "new_site", False),
    ],
)
def test_an_arm_on_the_notes_of_one_site_is_permitted_by_that_site(
    base: BaseModel, arm: str, role: SiteRole, is_alone: bool
) -> None:
    experiment = replace(asking(base), arms=("fed_medlora", arm))

    if not is_alone:
        Policy().require(experiment, role)
        return
    with pytest.raises(InputError, match=f"found the arm {arm} asked for"):
        Policy().require(experiment, role)


def test_rounds_of_any_arm_count(base: BaseModel) -> None:
    with pytest.raises(InputError, match="rounds: found 9 asked for, expected 3 at most"):
        Policy(rounds=3).require(replace(asking(base), new_site_rounds=9), "new_site")


def test_a_base_that_is_not_named_is_refused() -> None:
    policy = Policy(bases=("a" * 64,))

    policy.require_base("a" * 64)
    with pytest.raises(InputError, match=f"bases: found sha256 {'b' * 64} asked for"):
        policy.require_base("b" * 64)


def test_an_update_that_is_too_large_does_not_leave() -> None:
    policy = Policy(update_bytes=1000)

    policy.require_update(1000)
    with pytest.raises(InputError, match="found 1001 bytes asked for, expected 1000 at most"):
        policy.require_update(1001)


@pytest.mark.parametrize("text", ["rounds = 0\n", "round = 3\n", 'formulations = ["xml"]\n', "a ="])
def test_a_policy_that_is_wrong_is_told_with_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.toml").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=r"policy\.toml"):
        read_policy(tmp_path)
