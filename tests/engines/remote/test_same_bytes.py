import shutil
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
from tests.training.tiny_decoders import tiny_decoder

from fedmedlora.engines.remote.policy import Policy
from fedmedlora.errors import FedMedLoRAError
from fedmedlora.experiment.store import RunStore
from fedmedlora.formats.site_folder import read_site, write_site
from fedmedlora.tasks.kind import task_kinds
from fedmedlora.training.base_models import BaseModel


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return tiny_decoder(tmp_path_factory.mktemp("decoder"), "llama")


def what_came_of(run: Path, arm: str) -> object:
    """Return what must not depend on where the sites are: adapters, shares, scores, bytes."""
    with RunStore.open(run) as store:
        rounds = [{**one, "seconds": 0} for one in store.rounds(arm)]
        return rounds, store.finals(arm), store.drawn(), store.meta("comparisons")


@pytest.mark.parametrize(
    ("arm", "codec"),
    [
        ("fed_medlora", "float32"),
        ("fed_medlora", "int8"),
        ("fed_medlora_plus", "int4"),
        ("fed_sa_lora", "float32"),
        ("scaffold", "int8"),
        ("flora", "top_k"),
        ("q_fed_avg", "float32"),
    ],
)
def test_sites_that_are_asked_end_in_the_bytes_of_sites_that_are_here(
    tmp_path: Path, bert: BaseModel, arm: str, codec: str
) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, arm, codec=codec)

    here = run_here(tmp_path, text)
    apart = run_apart(tmp_path, text, Loopback(services(tmp_path), folder_of(tmp_path)))

    assert what_came_of(apart, arm) == what_came_of(here, arm)


@pytest.mark.parametrize("arm", ["fed_medlora_plus", "q_fed_avg"])
def test_so_do_sites_that_score_one_another(tmp_path: Path, bert: BaseModel, arm: str) -> None:
    write_sites(tmp_path)
    text = experiment_text(bert, arm, codec="int8", rounds=1)
    text = text.replace('validation = "server"', 'validation = "peers"')
    text = text.replace('[[sites]]\npath = "checks"\nrole = "server"\n', "")
    transport = Loopback(services(tmp_path), folder_of(tmp_path))

    here = run_here(tmp_path, text)
    apart = run_apart(tmp_path, text, transport)

    assert what_came_of(apart, arm) == what_came_of(here, arm)
    # Three adapters, each at once to its two peers; or one start, at once to all three.
    asked = [len(sites) for subjects, sites in transport.at_once if subjects == {"loss"}]
    assert asked == ([3] if arm == "q_fed_avg" else [2, 2, 2])


def test_so_do_sites_that_write(tmp_path: Path, decoder: BaseModel) -> None:
    write_sites(tmp_path)
    text = experiment_text(decoder, "fed_medlora", form="markup", codec="int8")

    here = run_here(tmp_path, text)
    apart = run_apart(tmp_path, text, Loopback(services(tmp_path), folder_of(tmp_path)))

    assert what_came_of(apart, "fed_medlora") == what_came_of(here, "fed_medlora")


def test_so_do_arms_of_one_site_and_a_new_site(tmp_path: Path, bert: BaseModel) -> None:
    write_sites(tmp_path)
    arms = ("zero_shot", "single_site", "fed_medlora", "personalised", "local_only", "adapted")
    text = experiment_text(bert, *arms, "joined", newcomer="lungs")
    opted_in = dict.fromkeys(("heart", "bones", "lungs"), Policy(single_site=True))

    here = run_here(tmp_path, text)
    transport = Loopback(services(tmp_path, **opted_in), folder_of(tmp_path))
    apart = run_apart(tmp_path, text, transport)

    with RunStore.open(here) as store:
        named = store.arms()
    assert len(named) == 8
    for arm in named:
        assert what_came_of(apart, arm) == what_came_of(here, arm)


def folder_of(tmp_path: Path) -> Path:
    folder = tmp_path / "wire"
    folder.mkdir()
    return folder


def with_questions(folder: Path) -> None:
    """Put a question beside each note of the sites."""
    for name in (*SITES, "checks"):
        site = read_site(folder / name, required=())
        beside = {"question": "what", "options": ("fever", "rest"), "answer": 0}
        splits = {
            split: tuple(replace(note, fields=beside) for note in notes)
            for split, notes in site.splits.items()
        }
        shutil.rmtree(folder / name)
        fields = task_kinds()["answer"].fields
        write_site(folder / name, replace(site, splits=splits, fields=fields))


def test_so_do_sites_that_answer_questions(tmp_path: Path, decoder: BaseModel) -> None:
    write_sites(tmp_path)
    with_questions(tmp_path)
    text = experiment_text(decoder, "fed_medlora").replace("[model]", '[model]\ntask = "answer"')
    permitted = Policy(tasks=("answer",))
    sites = services(tmp_path, **dict.fromkeys(SITES, permitted))

    here = run_here(tmp_path, text)
    apart = run_apart(tmp_path, text, Loopback(sites, folder_of(tmp_path)))

    assert what_came_of(apart, "fed_medlora") == what_came_of(here, "fed_medlora")
    with RunStore.open(apart) as store:
        (round_, _) = store.rounds("fed_medlora")
        assert round_["evaluation"]["heart"]["answer"]["strict"]["tp"] in (0, 10_000)


def test_a_site_without_questions_is_told_before_anything_is_trained(
    tmp_path: Path, decoder: BaseModel
) -> None:
    write_sites(tmp_path)
    with_questions(tmp_path)
    bare = read_site(tmp_path / "heart", required=())
    shutil.rmtree(tmp_path / "heart")
    write_site(tmp_path / "heart", replace(bare, fields={}))
    text = experiment_text(decoder, "fed_medlora").replace("[model]", '[model]\ntask = "answer"')
    sites = services(tmp_path, **dict.fromkeys(SITES, Policy(tasks=("answer",))))

    with pytest.raises(FedMedLoRAError, match="fields: found none, expected"):
        run_apart(tmp_path, text, Loopback(sites, folder_of(tmp_path)))
