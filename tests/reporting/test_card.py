import re
from dataclasses import replace
from typing import Any

import pytest
from tests.reporting.conftest import TRAIN

from fedmedlora.reporting.card import Form, Handed, model_card

Json = dict[str, Any]

HANDED = Handed(
    origin="fed_medlora_plus of five-hospitals, round 5",
    form="peft",
    dtype="float32",
    base="some/base",
    base_sha256="b" * 64,
    task="extract",
    formulation="tagging",
    types=("problem", "drug"),
    rank=16,
    alpha=64,
    quantization="none",
    version="0.1.0",
    arm="fed_medlora_plus",
)
HEAD = {"block": 7, "chain_id": 5, "hash": "c" * 64, "contract": "d" * 40, "run": "e" * 64}


def part(card: str, title: str) -> str:
    """Return what stands under a heading."""
    return card.partition(f"## {title}\n")[2].partition("\n## ")[0]


def row(text: str, name: str) -> list[str]:
    """Return the cells of the row of a table that begins with a name."""
    (line,) = re.findall(rf"^\| {re.escape(name)} \|.*$", text, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_it_begins_with_the_header_of_the_hub(results: Json) -> None:
    header = model_card(HANDED, results, None).split("---\n")[1].splitlines()

    assert header[:4] == [
        "library_name: peft",
        "pipeline_tag: token-classification",
        "license: unknown",
        "base_model: some/base",
    ]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"form": "merged"}, "library_name: transformers"),
        ({"formulation": "markup"}, "pipeline_tag: text-generation"),
    ],
)
def test_the_header_says_what_loads_it(change: Json, line: str, results: Json) -> None:
    assert f"\n{line}\n" in model_card(replace(HANDED, **change), results, None)


def test_a_base_that_is_not_of_the_hub_is_no_base_of_the_header(results: Json) -> None:
    card = model_card(replace(HANDED, base="folder"), results, None)

    assert "base_model:" not in card
    assert f"| base model | folder, sha256 of its weights `{'b' * 64}` |" in card


def test_each_site_stands_with_its_notes_and_its_share_of_the_kept_round(results: Json) -> None:
    results["arms"][7]["rounds"][0]["shares"]["cardiology"] = 0.01  # the other arm's
    results["arms"][8]["rounds"][0]["shares"]["cardiology"] = 0.02

    trained = part(model_card(HANDED, results, None), "Who trained it")

    # Round 5 is kept: cardiology has 5200, oncology 3900 / 1.3, paediatrics 1300 / 1.6,
    # psychiatry 2600 / 1.9 and orthopaedics 1000 / 2.2: 5200 of 10835.5 are 48.0 %.
    assert row(trained, "cardiology") == ["cardiology", "trained", "180", "48.0 %", "yes"]
    assert row(trained, "neurology")[:4] == ["neurology", "took no part", "180", "–"]
    assert "seed 7. 6 rounds, of which round 5 was kept." in trained
    assert "one machine read the notes of all sites" in trained


def test_between_hospitals_each_read_its_own_notes(results: Json) -> None:
    results["between_hospitals"] = True

    trained = part(model_card(HANDED, results, None), "Who trained it")

    assert "Each hospital read its own notes." in trained
    assert "one machine" not in trained


def test_every_site_has_its_scores_with_intervals(results: Json) -> None:
    good = part(model_card(HANDED, results, None), "How good it is")

    assert {site: row(good, site)[1] for site in (*TRAIN, "neurology", "dermatology")} == {
        "cardiology": "0.860 [0.830, 0.880]",
        "oncology": "0.860 [0.830, 0.880]",
        "paediatrics": "0.830 [0.800, 0.850]",
        "psychiatry": "0.810 [0.780, 0.830]",
        "orthopaedics": "0.840 [0.810, 0.860]",
        "neurology": "0.770 [0.740, 0.790]",
        "dermatology": "0.710 [0.680, 0.730]",
    }
    # It annotates no relations.
    assert row(good, "psychiatry")[3:] == ["–", "–"]


def test_how_the_weakest_site_fares_stands_below(results: Json) -> None:
    good = part(model_card(HANDED, results, None), "How good it is")

    # (0.86 + 0.86 + 0.83 + 0.81 + 0.84) / 5 = 0.84
    assert row(good, "mean")[1] == "0.840"
    assert row(good, "lowest (Min-Acc)")[1] == "0.810"
    # 5 / (2/0.86 + 1/0.83 + 1/0.81 + 1/0.84) = 0.8396
    assert row(good, "harmonic mean (H-mean)")[1] == "0.840"


def test_what_was_scored_on_dev_is_marked(results: Json) -> None:
    results["arms"][7]["final"]["oncology"]["split"] = "dev"

    card = model_card(replace(HANDED, arm=results["arms"][7]["name"]), results, None)

    assert "Scored on dev notes, for want of test notes: oncology." in card


def test_without_noise_it_is_said_that_there_was_none(results: Json) -> None:
    private = part(model_card(HANDED, results, None), "Privacy")

    assert "There is no differential privacy" in private
    assert "can leak training data" in private


def test_the_sentence_of_the_report_is_that_of_the_card(results: Json) -> None:
    sentence = "(2, 1e-05)-differentially private for one note, and more."
    results["privacy"] = {"mode": "record", "said": {"heart": {"sentence": sentence}}, "open": []}

    private = part(model_card(HANDED, results, None), "Privacy")

    assert f"- **heart**: {sentence}" in private
    assert "There is no differential privacy" not in private


def test_a_yardstick_of_a_private_run_is_not_called_private(results: Json) -> None:
    said = {"heart": {"sentence": "private"}}
    results["privacy"] = {"mode": "record", "said": said, "open": [HANDED.arm]}

    private = part(model_card(HANDED, results, None), "Privacy")

    assert "It was trained without noise, as a yardstick" in private
    assert "**heart**" not in private


def test_the_head_of_the_ledger_can_be_held_against_the_run(results: Json) -> None:
    proved = part(model_card(HANDED, results, HEAD), "What can be proved")

    assert f"block 7 of chain 5, hash `{'c' * 64}`, contract `{'d' * 40}`" in proved


def test_without_a_ledger_nothing_is_proved(results: Json) -> None:
    assert "no ledger was kept" in part(model_card(HANDED, results, None), "What can be proved")


@pytest.mark.parametrize(
    ("base", "licence"),
    [("bundled", "Apache-2.0, as Fed-MedLoRA"), ("minilm", "Apache-2.0 (sent"), ("a/b", "unknown")],
)
def test_an_unknown_licence_is_called_unknown(base: str, licence: str, results: Json) -> None:
    told = part(model_card(replace(HANDED, base=base), results, None), "Licences")

    assert f"- The base, {base}: {licence}" in told
    assert "What was learnt from the sites' notes: unknown" in told


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("peft", "LoRA of rank 16, alpha 64 for the base in 4bit; float32"),
        ("merged", "the base as its four bits say it with LoRA of rank 16, alpha 64 in its"),
    ],
)
def test_that_the_base_was_in_four_bits_is_said(form: Form, told: str) -> None:
    card = model_card(replace(HANDED, form=form, quantization="4bit"), None, None)

    assert f"| form | {told}" in card


def test_it_is_not_for_clinical_use(results: Json) -> None:
    told = part(model_card(HANDED, results, None), "What it is for, and what not")

    assert "**not for clinical use** without validation on notes of the place" in told


def test_of_an_adapter_whose_run_is_elsewhere_nothing_is_made_up() -> None:
    card = model_card(replace(HANDED, arm=None), None, None)

    for title in ("Who trained it", "How good it is", "What can be proved"):
        assert part(card, title).startswith("\nNot known here")
    assert "suppose that it was not" in part(card, "Privacy")
    assert "| finds | problem, drug |" in card


def test_no_text_of_a_note_is_in_it(results: Json, drawn: list[Json]) -> None:
    card = model_card(HANDED, {**results, "drawn": drawn}, None)

    assert all(note["text"][:40] not in card for note in drawn)


def test_what_looks_like_a_column_breaks_no_table() -> None:
    card = model_card(replace(HANDED, base="a|b"), None, None)

    assert "| base model | a\\|b, sha256" in card
