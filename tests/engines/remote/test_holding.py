import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fedmedlora.adapters.files import adapter_digest, write_adapter
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.engines.remote.holding import Held, keep_newest
from fedmedlora.errors import ModelError
from fedmedlora.federation.broadcast import Broadcast, broadcast

A, B = "q.lora_A.weight", "q.lora_B.weight"


def adapter(value: float) -> AdapterWeights:
    return {A: np.full((2, 3), value, np.float32), B: np.full((4, 2), value, np.float32)}


def held(tmp_path: Path) -> Held:
    return Held(tmp_path / "held", most_values=100)


def files_of(tmp_path: Path, sent: Broadcast) -> dict[str, Path]:
    contents = {"changed": sent.news.payload, "whole": sent.news.whole}
    paths = {name: tmp_path / name for name, content in contents.items() if content}
    for name, path in paths.items():
        path.write_bytes(contents[name])
    return paths


@pytest.mark.parametrize("codec", ["float32", "int4"])
def test_news_make_the_next_bundle(tmp_path: Path, codec: str) -> None:
    site = held(tmp_path)
    before = site.put(adapter(1))
    patch = {f"patch1/{A}": np.ones((1, 3), np.float32)}
    sent = broadcast(adapter(1), {**adapter(2), **patch}, {}, codec)
    after = adapter_digest(sent.bundle)

    body = {"before": before, "by_change": sent.news.by_change}
    assert site.take(after, body, files_of(tmp_path, sent))

    assert adapter_digest(dict(site.get(after))) == after


def test_whoever_lacks_what_the_news_add_to_says_so(tmp_path: Path) -> None:
    sent = broadcast(adapter(1), adapter(2), {}, "float32")
    body = {"before": "0" * 64, "by_change": False}

    assert not held(tmp_path).take("1" * 64, body, files_of(tmp_path, sent))
    assert not held(tmp_path).take("1" * 64, {}, {})


def test_a_whole_bundle_needs_nothing_before(tmp_path: Path) -> None:
    stored, site = write_adapter(tmp_path, adapter(3)), held(tmp_path)

    assert site.take(stored.sha256, {}, {"bundle": stored.path})
    # Once it is there nothing needs to come.
    assert site.take(stored.sha256, {}, {})


def test_news_that_make_another_bundle_are_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    site = held(tmp_path)
    before = site.put(adapter(1))
    sent = broadcast(adapter(1), adapter(2), {}, "float32")
    body = {"before": before, "by_change": False}

    with pytest.raises(ModelError, match="once the news was in, expected 1111"):
        site.take("1" * 64, body, files_of(tmp_path, sent))

    assert [path.stem for path in (tmp_path / "held").glob("*.safetensors")] == [before]


def test_a_tensor_that_claims_to_be_large_is_refused(tmp_path: Path) -> None:
    site = Held(tmp_path / "held", most_values=5)
    before = site.put(adapter(1))
    sent = broadcast(adapter(1), adapter(2), {}, "float32")

    with pytest.raises(ModelError, match="found no update"):
        site.take("1" * 64, {"before": before, "by_change": False}, files_of(tmp_path, sent))


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        path = tmp_path / f"{number}.safetensors"
        path.touch()
        os.utime(path, (number, number))

    keep_newest(tmp_path, number=2)

    assert sorted(path.stem for path in tmp_path.iterdir()) == ["3", "4"]


@pytest.mark.parametrize(
    "want",
    [
        lambda site, _: site.put(adapter(0)),
        lambda site, first: site.take(first, {}, {}),
        lambda site, first: site.get(first),
    ],
    ids=["put", "take", "get"],
)
def test_what_is_wanted_again_is_new(tmp_path: Path, want: Callable[[Held, str], object]) -> None:
    site = held(tmp_path)
    first = site.put(adapter(0))
    for number in range(1, 8):
        site.put(adapter(number))

    want(site, first)
    site.put(adapter(8))

    assert site.has(first)
    assert not site.has(adapter_digest(adapter(1)))
