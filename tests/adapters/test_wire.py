import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from safetensors.numpy import save_file

from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.adapters.wire import codecs, encode_update, num_bytes, open_update
from fedmedlora.errors import ModelError

A, B = "q.lora_A.weight", "q.lora_B.weight"
LOSSY = [name for name, codec in codecs().items() if codec.lossy]


def update(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return {
        A: (rng.normal(size=(4, 75)) / 100).astype(np.float32),
        B: rng.normal(size=(130, 4)).astype(np.float32),
    }


def sent(folder: Path, tensors: AdapterWeights, codec: str) -> AdapterWeights:
    path = folder / f"{codec}.safetensors"
    path.write_bytes(encode_update(tensors, codec))
    return open_update(path, most_values=10**6)


def test_every_codec_is_a_file() -> None:
    assert list(codecs()) == ["bfloat16", "float32", "int4", "int8", "top_k"]


@pytest.mark.parametrize("codec", codecs())
def test_names_and_shapes_arrive(tmp_path: Path, codec: str) -> None:
    found = sent(tmp_path, update(), codec)

    assert {name: found[name].shape for name in found} == {A: (4, 75), B: (130, 4)}
    assert {found[name].dtype for name in found} == {np.dtype(np.float32)}


def test_float32_arrives_to_the_bit(tmp_path: Path) -> None:
    odd = {**update(), "head": np.array([np.nan, np.inf, -0.0, 1e-45], np.float32)}

    found = sent(tmp_path, odd, "float32")

    assert all(found[name].tobytes() == odd[name].tobytes() for name in odd)


@pytest.mark.parametrize(
    ("codec", "most"), [("bfloat16", 2**-8), ("int8", 0.6 / 127), ("int4", 0.6 / 7)]
)
def test_what_is_lost_has_a_bound(tmp_path: Path, codec: str, most: float) -> None:
    tensors = update()

    found = sent(tmp_path, tensors, codec)

    for name, tensor in tensors.items():
        # Of a value in bfloat16; of the largest of 64 in blocks.
        rows = np.pad(tensor.reshape(-1), (0, -tensor.size % 64)).reshape(-1, 64)
        largest = np.repeat(np.abs(rows).max(axis=1), 64)[: tensor.size].reshape(tensor.shape)
        allowed = np.abs(tensor) if codec == "bfloat16" else largest
        assert (np.abs(found[name] - tensor) <= most * allowed).all()


def test_in_few_steps_by_hand(tmp_path: Path) -> None:
    # Largest 7, so a step is 1; -3.4 is -3 steps, 0.6 is 1.
    row = np.array([7, -3.4, 0.6, 0.4], np.float32)

    assert sent(tmp_path, {"w": row}, "int4")["w"].tolist() == [7, -3, 1, 0]


def test_the_largest_alone_are_kept_by_hand(tmp_path: Path) -> None:
    # Six values, a third is 2: -7 and 3. The larger is 7 steps, so a step is 1.
    values = np.array([0.5, -7, -2, 3, 1, 2.5], np.float32)

    found = sent(tmp_path, {"w": values}, "top_k")["w"]

    assert found.tolist() == [0, -7, 0, 3, 0, 0]


@pytest.mark.parametrize(
    ("codec", "bytes_a_value"),
    [
        ("float32", 4),
        ("bfloat16", 2),
        ("int8", 1 + 2 / 64),
        ("int4", 0.5 + 2 / 64),
        ("top_k", 1 / 8 + (0.5 + 2 / 64) / 3),
    ],
)
def test_bytes_a_value(codec: str, bytes_a_value: float) -> None:
    tensors = {"w": np.ones((1024, 512), np.float32)}

    size = len(encode_update(tensors, codec))

    assert size == pytest.approx(bytes_a_value * 1024 * 512, abs=400)


@pytest.mark.parametrize("codec", codecs())
def test_bytes_follow_from_names_and_shapes(codec: str) -> None:
    assert num_bytes(update(), codec) == len(encode_update(update(), codec))


@pytest.mark.parametrize("codec", codecs())
def test_the_same_values_give_the_same_bytes_in_any_order_and_layout(codec: str) -> None:
    tensors = update()
    turned = {name: np.asfortranarray(tensors[name]) for name in reversed(tensors)}

    assert encode_update(tensors, codec) == encode_update(turned, codec)


@pytest.mark.parametrize("codec", codecs())
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_seen_where_it_arrives(
    tmp_path: Path, codec: str, bad: float
) -> None:
    tensors = update()
    tensors[A][2, 3] = bad

    found = sent(tmp_path, tensors, codec)

    assert not np.isfinite(found[A]).all()
    assert np.isfinite(found[B]).all()


@pytest.mark.parametrize("codec", codecs())
@settings(max_examples=30, deadline=None)
@given(
    values=arrays(
        np.float32,
        st.tuples(st.integers(0, 9), st.integers(0, 80)),
        elements=st.floats(-(2.0**100), 2.0**100, width=32),
    )
)
def test_any_values_come_back_finite_and_in_shape(
    tmp_path_factory: pytest.TempPathFactory, codec: str, values: NDArray[np.float32]
) -> None:
    found = sent(tmp_path_factory.mktemp("wire"), {"w": values}, codec)["w"]

    assert found.shape == values.shape
    assert np.isfinite(found).all()


def test_a_file_that_is_no_update_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "update.safetensors"
    for content in (b"", b"\x80\x04junk"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="found no update"):
            open_update(path, most_values=10**6)
    save_file({"w": np.ones(3, np.float32)}, path)
    with pytest.raises(ModelError, match="found no update"):
        open_update(path, most_values=10**6)


def claiming(folder: Path, codec: str, shapes: object) -> Path:
    path = folder / "update.safetensors"
    parts = codecs()[codec].pack(np.ones(100, np.float32))
    header = {"update": json.dumps({"codec": codec, "shapes": shapes})}
    save_file({f"w|{part}": array for part, array in parts.items()}, path, header)
    return path


@pytest.mark.parametrize("codec", codecs())
@pytest.mark.parametrize("shapes", [{"w": [7, 100]}, {"w": [2]}, {"w": [100], "v": [4]}])
def test_parts_that_do_not_make_up_the_shape_they_claim_are_refused(
    tmp_path: Path, codec: str, shapes: dict[str, list[int]]
) -> None:
    update_ = open_update(claiming(tmp_path, codec, shapes), most_values=10**6)

    with pytest.raises(ModelError, match="parts that do not make up a tensor"):
        [update_[name] for name in shapes]


@pytest.mark.parametrize("kept", [[0b11000000], [0], [0b10000000, 0], [0b00000001], [0b10000001]])
def test_places_that_are_not_a_third_of_a_tensors_are_refused(
    tmp_path: Path, kept: list[int]
) -> None:
    parts = {**codecs()["top_k"].pack(np.ones(3, np.float32)), "kept": np.array(kept, np.uint8)}
    header = {"update": json.dumps({"codec": "top_k", "shapes": {"w": [3]}})}
    path = tmp_path / "update.safetensors"
    save_file({f"w|{part}": array for part, array in parts.items()}, path, header)

    with pytest.raises(ModelError, match="parts that do not make up a tensor"):
        open_update(path, most_values=10**6)["w"]


@pytest.mark.parametrize(
    "shapes", [{"w": [2**40]}, {"w": [-1]}, {"w": [True]}, {"w": ["a"]}, {"w": 3}, [1], None]
)
def test_shapes_that_no_tensor_has_are_refused_before_anything_is_decoded(
    tmp_path: Path, shapes: object
) -> None:
    with pytest.raises(ModelError, match="found no update"):
        open_update(claiming(tmp_path, "top_k", shapes), most_values=10**6)
