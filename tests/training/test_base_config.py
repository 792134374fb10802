import json
import shutil
from pathlib import Path

import pytest

from fedmedlora.errors import ModelError
from fedmedlora.training.base_config import num_embeddings, num_positions, read_config
from fedmedlora.training.base_models import BaseModel


@pytest.fixture
def copied(llama: BaseModel, tmp_path: Path) -> BaseModel:
    """Return a base whose configuration may be broken."""
    folder = shutil.copytree(llama.folder, tmp_path / "copy")
    return BaseModel("mine", folder, llama.digest, llama.num_bytes)


def configured(base: BaseModel, **changes: object) -> None:
    file = base.folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **changes}), "utf-8")


def test_a_base_says_its_vectors_and_positions(copied: BaseModel) -> None:
    configured(copied, vocab_size=301, max_position_embeddings=77)

    config = read_config(copied)

    assert (num_embeddings(config), num_positions(config)) == (301, 77)


@pytest.mark.parametrize(
    "changes", [{"model_type": "unheard_of"}, {"model_type": None}, {"hidden_size": "wide"}]
)
def test_an_unknown_architecture_is_refused(copied: BaseModel, changes: dict[str, object]) -> None:
    configured(copied, **changes)

    with pytest.raises(ModelError, match=r"'mine': found no config\.json .* transformers can read"):
        read_config(copied)


@pytest.mark.parametrize("content", [None, "{"])
def test_a_missing_or_broken_config_is_refused(copied: BaseModel, content: str | None) -> None:
    file = copied.folder / "config.json"
    file.unlink()
    if content:
        file.write_text(content, "utf-8")

    with pytest.raises(ModelError, match=r"'mine': found no config\.json in "):
        read_config(copied)


def test_code_beside_a_base_is_neither_run_nor_asked_about(
    copied: BaseModel, capfd: pytest.CaptureFixture[str]
) -> None:
    (copied.folder / "theirs.py").write_text("raise SystemExit('was run')", "utf-8")
    configured(copied, model_type="theirs", auto_map={"AutoConfig": "theirs.Config"})

    with pytest.raises(ModelError, match=r"found no config\.json"):
        read_config(copied)

    assert capfd.readouterr().out == ""


def test_weights_that_are_quantized_already_are_refused(copied: BaseModel) -> None:
    configured(copied, quantization_config={"quant_method": "gptq", "bits": 4})

    with pytest.raises(ModelError, match="found weights that are quantized already"):
        read_config(copied)
