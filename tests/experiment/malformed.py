"""What a hostile or broken site could hand in, as bytes of an update and claims beside them.

Every file is one good update with one thing wrong, so that nothing else can be why it is refused.
"""

import io
import json
import math
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tests.experiment.fakes import A, Arrays, B

from fedmedlora.adapters.wire import encode_update

Json = dict[str, Any]
VALUES_A, VALUES_B = f"{A}|values", f"{B}|values"


def tensors() -> Arrays:
    return {A: np.ones((2, 3), np.float32), B: np.full((3, 2), 0.5, np.float32)}


def file_of(header: bytes, data: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def taken_apart() -> tuple[Json, bytes]:
    """Return the header of a good update, its own one opened, and its values."""
    good = encode_update(tensors(), "float32")
    size = int.from_bytes(good[:8], "little")
    header = json.loads(good[8 : 8 + size])
    header["__metadata__"]["update"] = json.loads(header["__metadata__"]["update"])
    return header, good[8 + size :]


def put_together(header: Json, data: bytes) -> bytes:
    if isinstance(told := header.get("__metadata__", {}).get("update"), dict):
        header["__metadata__"]["update"] = json.dumps(told)
    return file_of(json.dumps(header).encode(), data)


def with_header(change: Callable[[Json], object], *, more: bytes = b"") -> bytes:
    """Return a good update with its header changed."""
    header, data = taken_apart()
    change(header)
    return put_together(header, data + more)


def own(change: Callable[[Json], object]) -> bytes:
    """Return a good update with what it says of itself changed."""
    return with_header(lambda header: change(header["__metadata__"]["update"]))


def of_part(part: str, **changes: object) -> bytes:
    return with_header(lambda header: header[part].update(changes))


def of_tensors(**changes: object) -> bytes:
    """Return an update that is whole, of other tensors."""
    return encode_update({**tensors(), **changes}, "float32")  # type: ignore[dict-item]


def with_value(value: float) -> bytes:
    spoilt = tensors()
    spoilt[B][1, 1] = value
    return encode_update(spoilt, "float32")


def twice() -> bytes:
    header, data = taken_apart()
    text = put_together(header, b"")[8:].decode()
    entry = json.dumps({VALUES_A: header[VALUES_A]})[1:-1]
    return file_of(text.replace(entry, f"{entry}, {entry}", 1).encode(), data)


def many(count: int) -> bytes:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [48, 48]}
    return with_header(lambda header: header.update({f"t{i}|values": empty for i in range(count)}))


class Harmful:
    """What touches a file when it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.sentinel,)


def pickled(sentinel: Path) -> bytes:
    return pickle.dumps(Harmful(sentinel))


def torch_file(sentinel: Path) -> bytes:
    """Return what `torch.save` writes, a zip with a pickle in it."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("update/data.pkl", pickled(sentinel))
        archive.writestr("update/version", "3\n")
    return written.getvalue()


def numpy_file(sentinel: Path) -> bytes:
    """Return an array of objects as `numpy.save` writes it, with a pickle in it."""
    written = io.BytesIO()
    np.save(written, np.array([Harmful(sentinel)], dtype=object), allow_pickle=True)
    return written.getvalue()


HARMFUL = {"pickle": pickled, ".pt": torch_file, ".npy": numpy_file}

GOOD = encode_update(tensors(), "float32")
FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "unreadable"),
    "half a header": (GOOD[:20], "unreadable"),
    "half of the values": (GOOD[:-24], "unreadable"),
    "header beyond the end": ((2**40).to_bytes(8, "little") + GOOD[8:], "unreadable"),
    "header a little too long": ((2**10).to_bytes(8, "little") + GOOD[8:], "unreadable"),
    "header no JSON": (file_of(b"{'q': 1}", bytes(48)), "unreadable"),
    "header a list": (file_of(b"[1]", bytes(48)), "unreadable"),
    "header too deep": (file_of(b'{"q":' + b"[" * 9000, bytes(48)), "unreadable"),
    "values that overlap": (of_part(VALUES_B, data_offsets=[12, 36]), "unreadable"),
    "values beyond the end": (of_part(VALUES_B, data_offsets=[24, 1 << 30]), "unreadable"),
    "values backwards": (of_part(VALUES_B, data_offsets=[48, 24]), "unreadable"),
    "a hole": (
        with_header(lambda h: h[VALUES_B].update(data_offsets=[28, 52]), more=bytes(4)),
        "unreadable",
    ),
    "bytes after the end": (GOOD + b"more", "unreadable"),
    "a name twice": (twice(), "unreadable"),
    "no header of ours": (with_header(lambda h: h.pop("__metadata__")), "unreadable"),
    "our header no JSON": (
        with_header(lambda h: h["__metadata__"].update(update="nonsense")),
        "unreadable",
    ),
    "our header too deep": (
        with_header(lambda h: h["__metadata__"].update(update="[" * 9000)),
        "unreadable",
    ),
    "an unknown codec": (own(lambda told: told.update(codec="zip")), "unreadable"),
    "a codec that is a list": (own(lambda told: told.update(codec=[])), "unreadable"),
    "a negative shape": (own(lambda told: told["shapes"].update({A: [-2, -3]})), "unreadable"),
    "a shape of text": (own(lambda told: told["shapes"].update({A: "23"})), "unreadable"),
    "another shape than its values": (
        own(lambda told: told["shapes"].update({A: [2, 4]})),
        "unreadable",
    ),
    "values that nobody names": (own(lambda told: told["shapes"].pop(A)), "unreadable"),
    "a part of another codec": (
        with_header(lambda h: h.update({f"{A}|scales": h.pop(VALUES_A)})),
        "unreadable",
    ),
    "a name without values": (
        own(lambda told: told["shapes"].update({"k.lora_A.weight": [2, 3]})),
        "wrong_names",
    ),
    "float64": (of_part(VALUES_A, dtype="F64", shape=[1, 3]), "wrong_dtype"),
    "float16": (of_part(VALUES_A, dtype="F16", shape=[4, 3]), "wrong_dtype"),
    "whole numbers": (of_part(VALUES_A, dtype="I32"), "wrong_dtype"),
    "a claim of 2^40 values": (
        own(lambda told: told["shapes"].update({A: [2**20, 2**20]})),
        "too_large",
    ),
    "100,000 tensors": (many(100_000), "too_large"),
    "1,000 tensors": (many(1000), "too_large"),
    "2 MiB": (GOOD + bytes(1 << 21), "too_large"),
    "a tensor of 2 MiB": (
        of_tensors(**{"k.lora_A.weight": np.ones((2, 1 << 18), np.float32)}),
        "too_large",
    ),
    "an extra tensor": (
        of_tensors(**{"k.lora_A.weight": np.ones((2, 3), np.float32)}),
        "wrong_names",
    ),
    "a missing tensor": (encode_update({A: tensors()[A]}, "float32"), "wrong_names"),
    "another shape": (of_tensors(**{A: np.ones((3, 3), np.float32).T[:2, :2]}), "wrong_shape"),
    "turned over": (of_tensors(**{A: np.ones((3, 2), np.float32)}), "wrong_shape"),
    "another rank": (of_tensors(**{A: np.ones((4, 3), np.float32)}), "wrong_shape"),
    "one value": (of_tensors(**{A: np.ones((1,), np.float32)}), "wrong_shape"),
    "NaN": (with_value(math.nan), "not_finite"),
    "infinity": (with_value(math.inf), "not_finite"),
    "less than any number": (with_value(-math.inf), "not_finite"),
}
CLAIMS: dict[str, tuple[Json, str]] = {
    "no tokens": ({"num_tokens": 0}, "bad_number"),
    "fewer than none": ({"num_tokens": -1}, "bad_number"),
    "tokens NaN": ({"num_tokens": math.nan}, "bad_number"),
    "half a token": ({"num_tokens": 1.5}, "bad_number"),
    "tokens true": ({"num_tokens": True}, "bad_number"),
    "more tokens than a float holds": ({"num_tokens": 2**60}, "bad_number"),
    "a billion tokens": ({"num_tokens": 10**9}, "too_many_tokens"),
    "a token too many": ({"num_tokens": 601}, "too_many_tokens"),
    "another round": ({"round_index": 2}, "wrong_round"),
    "another base": ({"base": "c" * 64}, "wrong_base"),
    "another start": ({"start": "c" * 64}, "wrong_start"),
}
