"""A study of two short cells: the bundled base, a few sites with two notes a split."""

from dataclasses import replace
from pathlib import Path

import pytest

from fedmedlora.formats.site_folder import write_site
from fedmedlora.synthetic.hospitals import synthesize

ROLES = {
    "cardiology": "train",
    "psychiatry": "train",
    "nephrology": "external",
    "validation": "server",
}
EXPERIMENT = """
[experiment]
name = "any"
rounds = 1
arms = ["zero_shot"]

[model]
base = "bundled"
window_tokens = 32
lora = { rank = 2, alpha = 4 }

[aggregation]
validation_sentences = 2
validation_heads = 2

[evaluation]
round_notes = 1
final_notes = 2
replicates = 40
"""
STUDY = """
[study]
name = "small"
replicates = 50

[[settings]]
name = "main"
title = "Small"
experiment = "small.toml"
arms = ["fed_medlora_plus"]
variants = [
    { name = "as_is" },
    { name = "noisy", changes = [{ kind = "noise", site = "psychiatry", share = 0.5 }] },
]
"""


@pytest.fixture(scope="session")
def hospitals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the sites, one folder each."""
    folder = tmp_path_factory.mktemp("hospitals")
    for name, (role, site) in synthesize(num_notes=20).items():
        if name in ROLES:
            splits = {split: notes[:2] for split, notes in site.splits.items()}
            write_site(folder / name, replace(site, splits=splits), role=role)
    return folder


@pytest.fixture
def study(tmp_path: Path, hospitals: Path) -> Path:
    """Return the file of the study, its experiment beside it."""
    text = EXPERIMENT
    for name, role in ROLES.items():
        text += f'\n[[sites]]\npath = "{hospitals / name}"\nrole = "{role}"\nmax_sentences = 2\n'
    (tmp_path / "small.toml").write_text(text, encoding="utf-8")
    file = tmp_path / "study.toml"
    file.write_text(STUDY, encoding="utf-8")
    return file
