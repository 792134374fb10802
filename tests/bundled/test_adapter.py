"""The adapter that ships with the package is the demo's, and finds something."""

import json
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from fedmedlora.bundled import ADAPTER
from fedmedlora.cli import main
from fedmedlora.clinical.labels import MAIN_TYPES
from fedmedlora.synthetic.hospitals import synthesize
from fedmedlora.training.base_models import find_base_model

FACTS = json.loads((ADAPTER / "fedmedlora.json").read_text("utf-8"))


def test_it_was_trained_on_the_base_of_the_package() -> None:
    assert FACTS["base_sha256"] == find_base_model("bundled").digest


def test_it_was_trained_as_the_demo_trains() -> None:
    demo = tomllib.loads(
        resources.files("fedmedlora.experiment").joinpath("demo.toml").read_text("utf-8")
    )

    assert FACTS["origin"].startswith("fed_medlora_plus of demo, round ")
    for section in ("model", "training"):
        assert {key: FACTS[section][key] for key in demo[section]} == demo[section]


def test_its_card_travels_with_it() -> None:
    card = (ADAPTER / "README.md").read_text("utf-8")

    assert FACTS["origin"].rpartition(" ")[2] in card
    assert "not for clinical use" in card


def test_it_reads_notes_of_a_hospital_it_never_saw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = synthesize(seed=0)["nephrology"][1].splits["test"][:6]
    files = [tmp_path / f"{number}.txt" for number in range(len(notes))]
    for file, note in zip(files, notes, strict=True):
        file.write_text(note.text, encoding="utf-8")

    assert main(["extract", *map(str, files), "--format", "jsonl"]) == 0

    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {
        (number, entity["type"], entity["start"], entity["end"])
        for number, note in enumerate(said)
        for entity in note["entities"]
        if entity["type"] in MAIN_TYPES
    }
    gold = {
        (number, entity.type, entity.start, entity.end)
        for number, note in enumerate(notes)
        for entity in note.entities
        if entity.type in MAIN_TYPES
    }
    # The demo measures 0.55 there; nothing found by chance comes near.
    assert 2 * len(found & gold) / (len(found) + len(gold)) > 0.4
