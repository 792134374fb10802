"""What is handed over: folders with their cards, whose code is run as it stands there."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.cli.conftest import ARMS, Shell, experiment
from tests.training.tiny_decoders import tiny_decoder

from fedmedlora.engines.models import open_model
from fedmedlora.engines.sources import open_source
from fedmedlora.tasks.reading import Reading

TEXT = "Started furosemide 40 mg for dyspnoea."


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory, sites: Path) -> Path:
    """Return the folder of a run whose model writes, over rank 20."""
    from fedmedlora.cli import main  # noqa: PLC0415 -- once for the module

    folder = tmp_path_factory.mktemp("writing")
    base = tiny_decoder(folder / "decoder", "llama")
    file = experiment(folder, sites, base.folder, arms=("zero_shot",))
    text = file.read_text("utf-8").replace("rank = 2", "rank = 20")
    text = text.replace("window_tokens = 64", 'window_tokens = 16\nformulation = "markup"')
    file.write_text(text, encoding="utf-8")
    if code := main(["run", str(file), "--out", str(folder / "run")]):
        pytest.fail(f"the run ended with {code}")
    return folder / "run"


def run_card(folder: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the code of a card leaves behind, run in its folder; the base is where it is."""
    card = (folder / "README.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    code = code.replace(f'base = "{base.name}"', f'base = "{base}"')
    monkeypatch.chdir(folder)
    left: dict[str, Any] = {}
    exec(code, left)  # noqa: S102 -- it is what a reader does
    return left


def our_tags(source: Path) -> Any:  # noqa: ANN401 -- an array
    """Return the tags of the text's tokens, as this program has it."""
    opened = open_source(source, arm=None)
    ours: Any = open_model(opened.model, opened.training, opened.types, seed=0)
    tokens = ours.tokenizer.tokenize(TEXT)
    example = ours.task.formulation.example(Reading(tokens, 0, len(tokens.ids), opened.types), [])
    return ours.backbone.answer(opened.adapter, [example])[0].values


@pytest.mark.parametrize("form", ["peft", "merged"])
def test_the_code_of_a_taggers_card_tags_as_we_do(
    form: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = shell("export", "bundled", "--to", form, "--dtype", "float32", "--out", tmp_path / "out")

    assert (said.code, said.out.splitlines()[1]) == (0, str(tmp_path / "out"))
    left = run_card(tmp_path / "out", Path("bundled"), monkeypatch)
    from fedmedlora.bundled import ADAPTER  # noqa: PLC0415 -- a constant of the package

    np.testing.assert_array_equal(left["tags"].numpy(), our_tags(ADAPTER))


def test_the_code_of_a_writers_cards_gives_the_same_logits(
    shell: Shell, writing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for form in ("peft", "merged"):
        words = ["--arm", "zero_shot", "--to", form, "--out", tmp_path / form]
        assert shell("export", writing, *words).code == 0

    base = writing.parent / "decoder"
    peft, merged = (
        run_card(tmp_path / form, base, monkeypatch)["logits"] for form in ("peft", "merged")
    )

    assert torch.allclose(peft, merged, rtol=1e-4, atol=1e-5)


def test_the_card_tells_of_the_run_it_came_from(
    shell: Shell, finished: Path, tmp_path: Path
) -> None:
    results = json.loads((finished / "results.json").read_text("utf-8"))
    (plus,) = [arm for arm in results["arms"] if arm["name"] == "fed_medlora_plus"]

    assert shell("export", finished, "--to", "merged", "--out", tmp_path / "new").code == 0

    card = (tmp_path / "new" / "README.md").read_text("utf-8")
    assert f"round {plus['best_round']} was kept" in card
    shares = plus["rounds"][plus["best_round"] - 1]["shares"]
    for site, share in shares.items():
        assert re.search(
            rf"^\| {site} \| trained \| \d+ \| {100 * share:.1f} % \|", card, re.MULTILINE
        )
    assert "| nephrology | took no part |" in card


def test_a_card_names_no_place_of_this_machine(
    shell: Shell, finished: Path, base: Path, tmp_path: Path
) -> None:
    assert shell("export", finished, "--to", "peft", "--out", tmp_path / "new").code == 0

    card = (tmp_path / "new" / "README.md").read_text("utf-8")
    assert f"| base model | {base.name}, sha256" in card
    assert str(base) not in card
    assert str(finished) not in card


def test_the_card_of_an_arm_is_about_that_arm(shell: Shell, finished: Path, tmp_path: Path) -> None:
    arm = next(name for name in ARMS if name == "zero_shot")

    words = ["--arm", arm, "--to", "peft", "--out", tmp_path / "new"]
    assert shell("export", finished, *words).code == 0

    card = (tmp_path / "new" / "README.md").read_text("utf-8")
    assert "Zero-shot, experiment small, seed 0. Nobody trained it." in card


def test_what_a_new_site_made_of_an_adapter_has_a_card_that_claims_nothing(
    shell: Shell, finished: Path, sites: Path, tmp_path: Path
) -> None:
    words = ["--data", sites / "gastroenterology", "--rounds", 1, "--max-notes", 1]

    assert shell("adapt", finished, *words, "--out", tmp_path / "new").code == 0

    card = (tmp_path / "new" / "README.md").read_text("utf-8")
    assert "after training (notes: 1, rounds: 1)" in card
    assert "Not known here. Measure it" in card


def test_that_vllm_does_not_serve_a_tagger_is_one_line_beside_the_answer(
    shell: Shell, finished: Path, tmp_path: Path
) -> None:
    said = shell("export", finished, "--to", "peft", "--out", tmp_path / "a")
    told = shell("export", finished, "--to", "peft", "--out", tmp_path / "b", "--json")

    assert said.code == told.code == 0
    (line,) = said.err.splitlines()
    assert line.startswith("vLLM does not serve this adapter: it tags")
    assert (told.err, json.loads(told.out)["vllm"]) == ("", [line])


def test_a_rank_that_vllm_must_be_told_of_is_said(
    shell: Shell, writing: Path, tmp_path: Path
) -> None:
    words = ["--arm", "zero_shot", "--to", "peft", "--out", tmp_path / "a"]

    said = shell("export", writing, *words)

    assert said.err == "vLLM serves this adapter with --max-lora-rank 32: its rank is 20\n"


def test_a_merged_folder_is_read_by_others_too(
    shell: Shell, finished: Path, tmp_path: Path
) -> None:
    assert shell("export", finished, "--to", "merged", "--out", tmp_path / "new").code == 0

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    assert set(modes.values()) == {modes["README.md"]}
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= set(modes)


def test_the_number_format_of_a_merged_base_can_be_said(
    shell: Shell, finished: Path, tmp_path: Path
) -> None:
    words = ["export", finished, "--to", "merged", "--json"]

    own = json.loads(shell(*words, "--out", tmp_path / "own").out)
    narrow = json.loads(shell(*words, "--dtype", "bfloat16", "--out", tmp_path / "narrow").out)

    assert (own["dtype"], narrow["dtype"]) == ("float32", "bfloat16")
    sizes = [(tmp_path / one / "model.safetensors").stat().st_size for one in ("own", "narrow")]
    assert sizes[1] < 0.6 * sizes[0]
