"""The tasks beside extraction, from notes that do not exist to a checked ledger and a report."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.conftest import Shell

from fedmedlora.formats.site_folder import write_site
from fedmedlora.synthetic.hospitals import synthesize

pytestmark = pytest.mark.usefixtures("shell")

SITES = {"cardiology": "train", "paediatrics": "train", "nephrology": "external"}
FIRST = {"answer": "accuracy", "summarise": "rouge_l"}


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a decoder of two layers that has learnt nothing."""
    # Only the tests that run a model wait for torch.
    from tests.training.tiny_decoders import tiny_decoder  # noqa: PLC0415

    return tiny_decoder(tmp_path_factory.mktemp("decoder"), "llama").folder


def experiment(folder: Path, base: Path, task: str, notes: str | None = None) -> Path:
    """Write an experiment and its sites, two notes a split, made for a task or another one."""
    invented = synthesize(num_notes=10, task=notes or task)
    for name in SITES:
        _, site = invented[name]
        splits = {split: two[:2] for split, two in site.splits.items()}
        write_site(folder / name, replace(site, splits=splits))
    sites = [f'[[sites]]\npath = "{name}"\nrole = "{role}"' for name, role in SITES.items()]
    file = folder / "small.toml"
    text = f"""
[experiment]
name = "small"
rounds = 1
arms = ["zero_shot", "few_shot", "fed_medlora"]

[model]
base = "{base}"
task = "{task}"
window_tokens = 96
answer_tokens = 8
lora = {{ rank = 2, alpha = 4 }}

[training]
num_threads = 1

[evaluation]
round_notes = 1
final_notes = 2
replicates = 20
drawn_notes = 1

[audit]
ledger = "embedded"

"""
    file.write_text(text + "\n".join(sites), encoding="utf-8")
    return file


@pytest.mark.parametrize("task", ["answer", "summarise"])
def test_a_task_goes_through_federation_report_and_ledger(
    shell: Shell, tmp_path: Path, decoder: Path, task: str
) -> None:
    file, run = experiment(tmp_path, decoder, task), tmp_path / "run"

    said = shell("run", file, "--out", run)
    checked = shell("audit", "verify", run)
    results = json.loads((run / "results.json").read_text("utf-8"))
    report = (run / "report.html").read_text("utf-8")

    assert said.code == 0, said.err
    assert checked.code == 0, checked.err
    assert results["task"] == task
    arms = {arm["name"]: arm for arm in results["arms"]}
    zero, federated = arms["zero_shot"], arms["fed_medlora"]
    assert arms["few_shot"]["shown"]["cardiology"]["notes"] > 0
    for arm in arms.values():
        assert 0 <= arm["summary"][FIRST[task]]["mean"] <= 1
    # Notes are longer than 96 letters.
    assert zero["final"]["cardiology"]["lost"] == {"not_read": 2}
    assert {one["metric"] for one in results["comparisons"]} >= {FIRST[task]}
    assert federated["rounds"][0]["score"] is not None
    assert "By a person" in report
    assert "Calibrated" not in report
    assert re.search("texts of which the end was not read", report)


def test_an_adapter_of_another_task_is_scored_and_handed_over_but_does_not_extract(
    shell: Shell, tmp_path: Path, decoder: Path
) -> None:
    file, run = experiment(tmp_path, decoder, "answer"), tmp_path / "run"
    assert shell("run", file, "--out", run, "--arms", "fed_medlora").code == 0
    adapter, note = tmp_path / "adapter", tmp_path / "note.txt"
    note.write_text("Aspirin for pain.", encoding="utf-8")

    assert shell("export", run, "--to", "peft", "--out", adapter).code == 0
    scored = shell("evaluate", adapter, "--data", tmp_path / "nephrology")
    extracted = shell("extract", adapter, note)
    other = synthesize(num_notes=10)["nephrology"][1]
    write_site(tmp_path / "bare", replace(other, splits={"dev": other.splits["dev"][:1]}))
    bare = shell("evaluate", adapter, "--data", tmp_path / "bare", "--split", "dev")

    assert scored.code == 0, scored.err
    assert re.fullmatch(r"Accuracy +\d\.\d{3} \[.+\]", scored.out.splitlines()[-1])
    card = (adapter / "README.md").read_text("utf-8")
    assert "It learnt one task on clinical notes: questions with options." in card
    assert "answers by" not in card
    assert extracted.code == 2
    assert "found an adapter for the task 'answer', expected one that extracts" in extracted.err
    assert bare.code == 2
    assert 'site.json: fields: found none, expected {"question": "text"' in bare.err


def test_numbers_in_a_text_are_not_ranked_by_the_loss_of_an_answer(
    shell: Shell, tmp_path: Path, decoder: Path
) -> None:
    file, run = experiment(tmp_path, decoder, "answer"), tmp_path / "run"
    train = tmp_path / "cardiology" / "train.jsonl"
    notes = [json.loads(line) for line in train.read_text("utf-8").splitlines()]
    numbered = [json.dumps({**one, "text": one["text"] + " No. 123456."}) for one in notes]
    train.write_text("\n".join(numbered), encoding="utf-8")
    assert shell("run", file, "--out", run, "--arms", "fed_medlora").code == 0

    told = shell("audit", "leakage", run, "--site", "cardiology", "--json")

    (attack,) = json.loads(told.out)["sites"]["cardiology"]
    assert attack["exposure"] is None
    assert attack["tokens"]["in_use"] > 0


def test_notes_that_lack_what_the_task_needs_are_told_by_check(
    shell: Shell, tmp_path: Path, decoder: Path
) -> None:
    file = experiment(tmp_path, decoder, "summarise", notes="extract")

    said = shell("check", file)

    assert said.code == 2
    for site in SITES:
        assert f'{site}/site.json: fields: found none, expected {{"summary": "text"}}' in said.err


def test_an_answer_that_is_no_option_is_told_by_file_and_note(
    shell: Shell, tmp_path: Path, decoder: Path
) -> None:
    file = experiment(tmp_path, decoder, "answer")
    dev = tmp_path / "cardiology" / "dev.jsonl"
    first, *others = dev.read_text("utf-8").splitlines()
    wrong = json.dumps({**json.loads(first), "answer": 4})
    dev.write_text("\n".join(["", "", wrong, *others]), encoding="utf-8")

    said, alone = shell("check", file), shell("data", "check", dev.parent)

    assert (said.code, alone.code) == (2, 2)
    for told in (said, alone):
        assert "cardiology/dev.jsonl:3: answer: found 4, expected 0 to 3" in told.err


def test_hospitals_are_invented_with_what_a_task_needs(shell: Shell, tmp_path: Path) -> None:
    said = shell(
        "data", "synthesize", "--out", tmp_path / "h", "--notes", 10, "--task", "summarise"
    )

    assert said.code == 0
    assert shell("data", "check", tmp_path / "h" / "oncology").code == 0
    description = json.loads((tmp_path / "h" / "oncology" / "site.json").read_text("utf-8"))
    assert description["fields"] == {"summary": "text"}
