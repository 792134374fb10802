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
from fedmedlora.experiment.privacy import Privacy
from fedmedlora.experiment.protections import Audit
from fedmedlora.experiment.schema import Experiment
from fedmedlora.federation.backbone import LocalPlan
from fedmedlora.federation.private_plan import PrivatePlan
from fedmedlora.privacy.spending import Budget
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


def test_no_more_is_learnt_of_notes_than_the_site_permits(base: BaseModel) -> None:
    experiment = asking(base, "fed_medlora")
    writing = replace(experiment, model=replace(experiment.model, task="summarise"))
    careful = Policy(formulations=("markup",))

    with pytest.raises(InputError) as refused:
        careful.require(writing, "train")

    # In which form it would extract is no matter then.
    (fault,) = refused.value.faults
    assert (fault.where, fault.expected) == ("policy.toml of the site: tasks", "extract")
    Policy(formulations=("markup",), tasks=("extract", "summarise")).require(writing, "train")


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


RECORD = Privacy(mode="record", epsilon=4.0, delta=1e-6)
STEPS = 48
PRIVATE = PrivatePlan(
    run="small",
    arm="fed_medlora",
    unit="note",
    clip=1.0,
    units_a_step=8,
    steps=16,
    run_steps=STEPS,
    delta=1e-6,
    epsilon=4.0,
)


@pytest.mark.parametrize(
    ("privacy", "keys"),
    [
        (RECORD, []),
        (replace(RECORD, epsilon=None, noise_multiplier=2.0), []),
        (Privacy(), ["private"]),
        (replace(RECORD, mode="site"), ["private"]),
        (replace(RECORD, epsilon=8.1, delta=1e-4), ["epsilon", "delta"]),
    ],
)
def test_an_experiment_that_asks_for_less_privacy_is_refused_by_who_trains(
    base: BaseModel, privacy: Privacy, keys: list[str]
) -> None:
    policy = Policy(private="record", epsilon=8.0)
    experiment = replace(asking(base), privacy=privacy)

    policy.require(experiment, "external")
    try:
        policy.require(experiment, "train")
    except InputError as error:
        found = [fault.where for fault in error.faults]
    else:
        found = []

    assert found == [f"policy.toml of the site: {key}" for key in keys]


@pytest.mark.parametrize(
    ("policy", "privacy", "private", "told"),
    [
        (Policy(private="record"), RECORD, None, "found a training without noise"),
        (Policy(), RECORD, None, "found another one in a training"),
        (Policy(), Privacy(), PRIVATE, "found another one in a training"),
        (Policy(), RECORD, replace(PRIVATE, epsilon=400.0), "nothing was trained"),
        (Policy(), RECORD, replace(PRIVATE, clip=9.0), "nothing was trained"),
        (Policy(), RECORD, replace(PRIVATE, run_steps=1), "nothing was trained"),
        (Policy(), RECORD, replace(PRIVATE, unit="patient"), "nothing was trained"),
    ],
)
def test_a_training_that_is_not_as_it_was_told_is_refused(
    policy: Policy, privacy: Privacy, private: PrivatePlan | None, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        policy.require_plan(LocalPlan(1, 1, 2, private=private), privacy, run_steps=STEPS)


def told_keys(policy: Policy, experiment: Experiment, role: SiteRole = "train") -> list[str]:
    try:
        policy.require(experiment, role)
    except InputError as error:
        return [fault.where.removeprefix("policy.toml of the site: ") for fault in error.faults]
    return []


def test_a_site_can_want_whole_patients_hidden(base: BaseModel) -> None:
    notes, patients = (replace(RECORD, unit=unit) for unit in ("note", "patient"))
    policy = Policy(private="record", unit="patient")

    assert told_keys(policy, replace(asking(base), privacy=notes)) == ["unit"]
    assert told_keys(policy, replace(asking(base), privacy=notes), "external") == []
    assert told_keys(policy, replace(asking(base), privacy=patients)) == []
    # Who leaves it to the experiment takes the one as the other.
    for privacy in (notes, patients):
        assert told_keys(Policy(private="record"), replace(asking(base), privacy=privacy)) == []


def test_patients_are_not_wanted_hidden_where_nothing_is(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('unit = "patient"\n', encoding="utf-8")

    with pytest.raises(InputError, match=r"policy\.toml: unit: found .*\"none\", expected private"):
        read_policy(tmp_path)
    file.write_text('unit = "patient"\nprivate = "record"\n', encoding="utf-8")
    assert read_policy(tmp_path) == Policy(private="record", unit="patient")


def test_a_site_can_want_its_updates_signed_and_rounds_sealed(base: BaseModel) -> None:
    unsigned = asking(base)
    signed = replace(unsigned, audit=Audit(ledger="embedded"))

    for role in ("train", "new_site"):
        assert told_keys(Policy(audit=True), unsigned, role) == ["audit"]
        assert told_keys(Policy(audit=True), signed, role) == []
    # Whoever is scored alone hands in nothing.
    assert told_keys(Policy(audit=True), unsigned, "external") == []
    assert told_keys(Policy(), unsigned) == []


def test_an_update_that_nobody_would_sign_is_not_trained() -> None:
    unsigned, signed = LocalPlan(1, 1, 2), LocalPlan(1, 1, 2, run="ab" * 32)

    with pytest.raises(InputError, match="audit: found a training that nobody signs asked for"):
        Policy(audit=True).require_plan(unsigned, Privacy(), run_steps=STEPS)
    Policy(audit=True).require_plan(signed, Privacy(), run_steps=STEPS)
    # An arm that is alone by the site's own leave hands in to nobody.
    Policy(audit=True, single_site=True).require_plan(unsigned, Privacy(), run_steps=STEPS)
    Policy().require_plan(unsigned, Privacy(), run_steps=STEPS)


def test_a_training_as_it_was_told_is_let_pass() -> None:
    private = LocalPlan(1, 1, 2, private=PRIVATE)
    Policy(private="record").require_plan(private, RECORD, run_steps=STEPS)
    Policy().require_plan(LocalPlan(1, 1, 2), Privacy(), run_steps=STEPS)


def test_a_machine_that_cannot_train_in_private_takes_no_part(base: BaseModel) -> None:
    here = machine.Machine(quantization="4bit", gradient_checkpointing=True, batch_size=2)

    here.require_private(asking(base))
    with pytest.raises(InputError) as refused:
        here.require_private(replace(asking(base), privacy=RECORD))
    machine.Machine(batch_size=2).require_private(replace(asking(base), privacy=RECORD))

    assert [fault.where.partition(": ")[2] for fault in refused.value.faults] == [
        "quantization",
        "gradient_checkpointing",
    ]


def test_the_budget_is_what_the_policy_says() -> None:
    assert Policy().budget() is None
    assert Policy(epsilon=3.0, delta=1e-6).budget() == Budget(3.0, 1e-6)


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


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ('sees = "updates"', 'sees = "updates"'),
        ('sees = "sum"\naudit_rate = 0.5\nvalidation = "own"', "audit_rate = 0.5"),
    ],
)
def test_a_site_that_must_be_blind_wants_the_sum_and_no_audit(
    base: BaseModel, settings: str, found: str
) -> None:
    text = experiment_text(base, "fed_medlora").replace('validation = "server"', settings)
    text = text.replace('role = "server"\n', f'role = "server"\nsha256 = "{"a" * 64}"\n')
    experiment = parse_experiment(text, name="asked.toml", folder=Path("/asked"))

    Policy().require(experiment, "train")
    with pytest.raises(InputError, match=re.escape(f"blind: found {found} asked for")):
        Policy(blind=True).require(experiment, "train")


def test_an_update_leaves_in_the_open_where_the_server_sees_updates_or_an_arm_is_alone(
    base: BaseModel,
) -> None:
    text = experiment_text(base, "fed_medlora").replace(
        'validation = "server"', 'sees = "sum"\nvalidation = "own"'
    )
    text = text.replace('role = "server"\n', f'role = "server"\nsha256 = "{"a" * 64}"\n')
    blind = parse_experiment(text, name="asked.toml", folder=Path("/asked"))

    Policy().require_in_the_open(asking(base))
    Policy(single_site=True).require_in_the_open(blind)
    for policy in (Policy(), Policy(blind=True, single_site=True)):
        with pytest.raises(InputError, match="found an update asked for"):
            policy.require_in_the_open(blind)
