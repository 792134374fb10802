import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from tests.full_disk import files_of_at_most

from fedmedlora.adapters import files
from fedmedlora.adapters.files import (
    adapter_digest,
    digest,
    encode,
    encode_narrow,
    open_adapter,
    write_adapter,
)
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.errors import ModelError, StoreError


def small_adapter() -> AdapterWeights:
    return {
        "q.lora_B.weight": np.array([[1.0], [2.0], [-0.5]], dtype=np.float32),
        "q.lora_A.weight": np.array([[0.25, 3.0]], dtype=np.float32),
    }


def test_what_was_written_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    weights = small_adapter()

    stored = write_adapter(tmp_path, weights)
    opened = open_adapter(stored.path, sha256=stored.sha256)

    assert list(opened) == ["q.lora_A.weight", "q.lora_B.weight"]
    assert len(opened) == 2
    assert all(np.array_equal(opened[name], weights[name]) for name in weights)
    assert opened["q.lora_A.weight"].dtype == np.float32


def test_a_file_is_named_by_the_digest_of_its_bytes(tmp_path: Path) -> None:
    stored = write_adapter(tmp_path, small_adapter())

    content = stored.path.read_bytes()
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert stored.path.name == f"{stored.sha256}.safetensors"
    assert stored.num_bytes == len(content)


def test_an_adapters_digest_is_that_of_its_file_wherever_it_comes_from(tmp_path: Path) -> None:
    weights = small_adapter()
    stored = write_adapter(tmp_path, weights)

    assert adapter_digest(weights) == stored.sha256
    assert adapter_digest(open_adapter(stored.path)) == stored.sha256
    assert adapter_digest(open_adapter(stored.path, sha256=stored.sha256)) == stored.sha256
    assert adapter_digest({**weights, "q.lora_A.weight": weights["q.lora_A.weight"] + 1}) != (
        stored.sha256
    )


def test_a_digest_that_was_verified_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = write_adapter(tmp_path, small_adapter())
    verified = open_adapter(stored.path, sha256=stored.sha256)
    monkeypatch.setattr(files, "encode", lambda _: pytest.fail("encoded again"))

    assert adapter_digest(verified) == stored.sha256


def test_the_same_values_give_the_same_bytes() -> None:
    weights = small_adapter()
    reordered = {name: weights[name] for name in reversed(list(weights))}
    by_columns = {name: np.asfortranarray(np.tile(weights[name], (2, 3))) for name in weights}
    by_rows = {name: np.ascontiguousarray(by_columns[name]) for name in weights}

    assert encode(reordered) == encode(weights)
    assert encode(by_columns) == encode(by_rows)
    assert digest(encode(by_columns)) != digest(encode(weights))


def test_every_stored_value_counts_for_the_digest() -> None:
    changed = dict(small_adapter())
    changed["q.lora_A.weight"] = np.array([[0.25, 3.0000002]], dtype=np.float32)

    assert digest(encode(changed)) != digest(encode(small_adapter()))


def test_a_plain_safetensors_reader_understands_the_file(tmp_path: Path) -> None:
    stored = write_adapter(tmp_path, small_adapter())

    tensors = safetensors.numpy.load_file(stored.path)

    assert tensors["q.lora_B.weight"].tolist() == [[1.0], [2.0], [-0.5]]


def test_writing_twice_leaves_one_file_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "adapters"

    first = write_adapter(folder, small_adapter())
    second = write_adapter(folder, small_adapter())

    assert first == second
    assert list(folder.iterdir()) == [first.path]


def test_a_tensor_is_read_only_when_it_is_asked_for(tmp_path: Path) -> None:
    stored = write_adapter(tmp_path, small_adapter())
    opened = open_adapter(stored.path)

    # The last four bytes are the last value of B.
    with stored.path.open("r+b") as file:
        file.seek(-4, 2)
        file.write(np.float32(7.0).tobytes())

    assert opened["q.lora_B.weight"].tolist() == [[1.0], [2.0], [7.0]]


def test_a_tensor_that_is_not_there_is_a_missing_key(tmp_path: Path) -> None:
    opened = open_adapter(write_adapter(tmp_path, small_adapter()).path)

    assert "classifier.weight" not in opened
    with pytest.raises(KeyError, match=r"classifier\.weight"):
        opened["classifier.weight"]


def test_a_file_that_somebody_relies_on_is_never_written_over_without_a_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)

    write_adapter(tmp_path, small_adapter(), flushed=False)
    assert flushed == []
    write_adapter(tmp_path, small_adapter(), flushed=False)
    assert flushed != []


def test_a_full_disk_is_a_store_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    big = {"q.lora_A.weight": np.zeros((8, 4096), dtype=np.float32)}

    with files_of_at_most(4096), pytest.raises(StoreError, match=r"\.safetensors: found 'File too"):
        write_adapter(tmp_path, big)

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_adapter_that_was_there_before(tmp_path: Path) -> None:
    big = {"q.lora_A.weight": np.zeros((8, 4096), dtype=np.float32)}
    before = write_adapter(tmp_path, big)

    with files_of_at_most(4096), pytest.raises(StoreError):
        write_adapter(tmp_path, big)

    assert list(tmp_path.iterdir()) == [before.path]
    assert not open_adapter(before.path, sha256=before.sha256)["q.lora_A.weight"].any()


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "adapters").write_text("a file where the folder should be")

    with pytest.raises(StoreError, match="adapters"):
        write_adapter(tmp_path / "adapters", small_adapter())


def test_an_altered_file_is_refused_by_its_digest(tmp_path: Path) -> None:
    stored = write_adapter(tmp_path, small_adapter())
    content = bytearray(stored.path.read_bytes())
    content[-1] ^= 1
    stored.path.write_bytes(content)

    with pytest.raises(ModelError, match=f"found sha256 {digest(bytes(content))}, expected"):
        open_adapter(stored.path, sha256=stored.sha256)


@pytest.mark.parametrize("content", [b"", b"not an adapter", encode(small_adapter())[:-1]])
def test_a_file_that_is_not_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "adapter_model.safetensors"
    path.write_bytes(content)

    with pytest.raises(ModelError, match=r"adapter_model\.safetensors: .*expected a safetensors"):
        open_adapter(path)


@pytest.mark.parametrize("sha256", [None, "0" * 64])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, sha256: str | None) -> None:
    with pytest.raises(ModelError, match="gone"):
        open_adapter(tmp_path / "gone.safetensors", sha256=sha256)


def test_other_precision_is_refused_on_reading_and_writing(tmp_path: Path) -> None:
    half = {"q.lora_A.weight": np.ones((1, 2), dtype=np.float16)}
    path = tmp_path / "half.safetensors"
    safetensors.numpy.save_file(half, path)

    with pytest.raises(ModelError, match=r"'q\.lora_A\.weight': found F16, expected F32"):
        open_adapter(path)
    with pytest.raises(ValueError, match=r"found float16, expected float32"):
        encode(half)  # type: ignore[arg-type]


def test_an_adapter_in_bfloat16_is_half_as_large_and_read_as_float32(tmp_path: Path) -> None:
    rough = {**small_adapter(), "classifier.weight": np.full((40, 30), 1 / 3, np.float32)}
    path = tmp_path / "narrow.safetensors"
    path.write_bytes(encode_narrow(rough))

    opened = open_adapter(path)

    assert len(encode_narrow(rough)) == pytest.approx(len(encode(rough)) / 2, abs=200)
    assert sorted(opened) == sorted(rough)
    assert {opened[name].dtype for name in opened} == {np.dtype(np.float32)}
    # Eight bits of 1/3 = 0.333251953125: 171 / 512 rounded.
    assert np.array_equal(opened["classifier.weight"], np.full((40, 30), 171 / 512, np.float32))
    # These have few bits.
    assert opened["q.lora_B.weight"].tolist() == [[1.0], [2.0], [-0.5]]
