"""A whole run in a few seconds: a tiny random encoder and a handful of invented notes a site."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fedmedlora.cli import main
from fedmedlora.formats.site_folder import write_site
from fedmedlora.synthetic.hospitals import synthesize

SITES = {
    "cardiology": "train",
    "psychiatry": "train",
    "paediatrics": "train",
    "validation": "server",
    "nephrology": "external",
    "gastroenterology": "new_site",
}
ARMS = (
    "zero_shot",
    "single_site",
    "centralised",
    "fed_medlora",
    "fed_medlora_plus",
    "local_only",
    "adapted",
)
MARKER = "Xanthippe"
"""A word in every note of the tests that no message may ever hold."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said; a code of 0 is a promise kept."""

    code: int
    out: str
    err: str


class Shell:
    """Types commands and hands back what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Said:
        self._capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = int(error.code or 0)
        said = self._capsys.readouterr()
        return Said(code, said.out, said.err)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an encoder of one layer that has learnt nothing."""
    # Only the tests that run a model wait for torch.
    from tests.training.tiny_models import SPELLING, tiny_bert  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("base")
    return tiny_bert(folder, words=SPELLING, num_layers=1, num_positions=128).folder


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of six sites with two notes a split."""
    folder = tmp_path_factory.mktemp("sites")
    for name, (role, site) in synthesize(num_notes=10).items():
        if name in SITES:
            splits = {split: notes[:2] for split, notes in site.splits.items()}
            write_site(folder / name, replace(site, splits=splits), role=role)
    return folder


def experiment(
    folder: Path, sites: Path, base: Path, *, arms: tuple[str, ...] = ARMS, rounds: int = 2
) -> Path:
    text = f"""
[experiment]
name = "small"
rounds = {rounds}
new_site_rounds = 1
arms = {list(arms)}

[model]
base = "{base}"
window_tokens = 64
lora = {{ rank = 2, alpha = 4 }}

[training]
num_threads = 1

[evaluation]
round_notes = 1
final_notes = 2
replicates = 20
drawn_notes = 1
"""
    for name, role in SITES.items():
        text += f'\n[[sites]]\npath = "{sites / name}"\nrole = "{role}"\n'
    file = folder / "small.toml"
    file.write_text(text.replace("'", '"'), encoding="utf-8")
    return file


def changed(file: Path, key: str, value: str) -> None:
    """Give a key of an experiment another value."""
    text = re.sub(f"^{key} = .*$", f"{key} = {value}", file.read_text("utf-8"), flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, sites: Path, base: Path) -> Path:
    """Return the folder of a finished run; its experiment lies beside it as small.toml."""
    folder = tmp_path_factory.mktemp("finished")
    file = experiment(folder, sites, base)
    code = main(["run", str(file), "--out", str(folder / "run")])
    if code:
        pytest.fail(f"the run ended with {code}")
    return folder / "run"
