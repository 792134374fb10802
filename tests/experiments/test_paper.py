"""The papers' experiments: fit to run where the notes are, and run here on very small models."""

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Shell, changed
from tests.training.hub_folders import KINDS, LLMS, write_base

from fedmedlora.bundled import __file__ as bundled
from fedmedlora.clinical.labels import MAIN_TYPES, RELATION_TYPES
from fedmedlora.clinical.notes import Entity, Labels, Note, Relation, SiteNotes
from fedmedlora.experiment.config import parse_experiment
from fedmedlora.experiment.schema import Experiment
from fedmedlora.formats.site_folder import write_site
from fedmedlora.tasks.markup import Markup
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

PAPER = Path(__file__).parents[2] / "experiments" / "paper"
FILES = sorted(PAPER.glob("*.toml"))
NAMES = [file.stem for file in FILES]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a tiny base for each name of the hub that the experiments ask for."""
    return {name: write_base(tmp_path_factory.mktemp("base"), name) for name in KINDS}


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture(params=NAMES)
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of an experiment, notes beside it."""
    file = Path(shutil.copy(PAPER / f"{request.param}.toml", tmp_path))
    for site in tomllib.loads(file.read_text("utf-8"))["sites"]:
        write_tiny_site(tmp_path / site["path"])
    return file


def write_tiny_site(folder: Path) -> None:
    """Write notes of five letters: a model that knows nothing marks every stretch of them."""
    entities = (Entity("T1", "drug", 0, 1), Entity("T2", "dosage", 2, 5))
    relations = (Relation("dosage", "T1", "T2"),)

    def note(id_: str) -> Note:
        return Note(id_, folder.name, "K 5 g", entities, relations)

    labels = Labels(("drug", "dosage"), ("dosage",))
    splits = {split: (note(split),) for split in ("train", "dev", "test")}
    write_site(folder, SiteNotes(folder.name, labels, public=True, splits=splits))


def experiment(name: str) -> Experiment:
    text = (PAPER / f"{name}.toml").read_text("utf-8")
    return parse_experiment(text, name=name, folder=PAPER)


def test_each_model_has_its_experiment() -> None:
    assert {experiment(name).model.base for name in NAMES} == set(KINDS)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_line_is_the_command_that_runs_it(name: str) -> None:
    first, *_ = (PAPER / f"{name}.toml").read_text("utf-8").splitlines()

    file = f"experiments/paper/{name}.toml"
    assert first == f"# .venv/bin/fedmedlora run {file} --out runs/paper/{name}"


def test_language_models_differ_in_what_their_first_lines_say_alone() -> None:
    written = [
        re.sub("^(#|name =|base =|lora =).*\n", "", file.read_text("utf-8"), flags=re.MULTILINE)
        for file in FILES
        if experiment(file.stem).model.base in LLMS
    ]

    assert len(written) == len(LLMS)
    assert len(set(written)) == 1


def test_it_is_fit_to_run(shell: Shell, copy: Path) -> None:
    said = shell("check", copy)

    assert (said.code, said.err) == (0, "")
    base = experiment(copy.stem).model.base
    on_hub = f", if '{base}' is a model of the hub: that was not looked up"
    assert said.out.splitlines()[-1].startswith(f"{copy}: fit to run{on_hub}")


def test_it_runs_on_random_weights(shell: Shell, copy: Path, bases: dict[str, Path]) -> None:
    folder = bases[experiment(copy.stem).model.base]
    changed(copy, "base", f'"{folder}"')
    changed(copy, "quantization", '"none"')
    changed(copy, "rounds", "1")

    said = shell("run", copy, "--out", copy.parent / "run", "--arms", "fed_medlora_plus")

    assert said.code == 0
    results: dict[str, Any] = json.loads((copy.parent / "run" / "results.json").read_text("utf-8"))
    (arm,) = results["arms"]
    assert arm["rounds"][0]["shares"].keys() == {"mimic_iii", "mtsamples", "utp"}
    assert arm["final"].keys() == {"mimic_iii", "mtsamples", "utp", "i2b2", "ynhh"}


def test_an_example_is_no_longer_than_the_authors() -> None:
    """Our own tokenizer, of fewer words than any of theirs, gives more tokens than they do."""
    tokenizer = HuggingFaceTokenizer(Path(bundled).parent)
    formulation = Markup((*MAIN_TYPES, *RELATION_TYPES), tokenizer, 0)

    for name in NAMES:
        model = experiment(name).model
        if model.formulation == "markup":
            # The marks of a window come on top.
            assert formulation.num_positions(model.window_tokens) <= 800
