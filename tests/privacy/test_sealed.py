from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from fedmedlora.adapters.files import open_adapter
from fedmedlora.adapters.weights import AdapterWeights, num_parameters
from fedmedlora.bundled import ADAPTER
from fedmedlora.errors import ModelError
from fedmedlora.federation.combining import weighted_sum
from fedmedlora.federation.updates import SiteReport, SiteUpdate
from fedmedlora.privacy.ckks import Key, new_key
from fedmedlora.privacy.drowning import STEP
from fedmedlora.privacy.sealed import add_up, open_sum, read_header, seal, shapes_of

SITES = ("bones", "heart", "lungs")
SHARES = {"bones": 0.2, "heart": 0.3, "lungs": 0.5}
SHAPES = {"a": (3, 5), "b": (90, 50), "c": (1,)}
"""4516 values: the second block is not full, and b stands in both."""


@pytest.fixture(scope="module")
def key() -> Key:
    return new_key()


def tensors(number: int, shapes: Mapping[str, tuple[int, ...]] = SHAPES) -> AdapterWeights:
    rng = np.random.default_rng(number)
    return {n: rng.normal(0, 0.1, shapes[n]).astype(np.float32) for n in shapes}


def sealed(folder: Path, key: Key, sites: tuple[str, ...] = SITES) -> dict[str, Path]:
    paths = {site: folder / site for site in sites}
    for site, path in paths.items():
        seal(path, tensors(SITES.index(site)), key, site=site, members=SITES)
    return paths


def in_the_open(shares: Mapping[str, float]) -> AdapterWeights:
    updates = [
        SiteUpdate(SiteReport(site, 1, 1, None, None), tensors(SITES.index(site)), "", "")
        for site in shares
    ]
    return weighted_sum(updates, shares)


@pytest.mark.parametrize("shares", [SHARES, {"bones": 0.4, "lungs": 0.6}])
def test_blind_and_open_differ_by_less_than_a_millionth(
    tmp_path: Path, key: Key, shares: Mapping[str, float]
) -> None:
    paths = sealed(tmp_path, key, tuple(shares))

    add_up(tmp_path / "sum", paths, shares, shapes=SHAPES)
    opened = open_sum(tmp_path / "sum", key, shapes=SHAPES)

    expected = in_the_open(shares)
    assert shapes_of(opened) == SHAPES
    # 1.22e-7 of noise at most, and what float32 rounds of numbers below 0.5.
    assert max(np.abs(opened[n] - expected[n]).max() for n in SHAPES) < 1.6e-7
    assert {opened[n].dtype for n in SHAPES} == {np.dtype(np.float32)}


def test_what_is_told_is_drowned(tmp_path: Path, key: Key) -> None:
    add_up(tmp_path / "sum", sealed(tmp_path, key), SHARES, shapes=SHAPES)

    opened = open_sum(tmp_path / "sum", key, shapes=SHAPES)

    exact = sum(SHARES[s] * tensors(i)["b"].astype(np.float64) for i, s in enumerate(SITES))
    # 4500 values: the deviation is known to about 1 in 100.
    assert (opened["b"] - exact).std() == pytest.approx(4 * STEP, rel=0.05)


def test_whoever_opens_a_sum_is_told_the_same(tmp_path: Path, key: Key) -> None:
    add_up(tmp_path / "sum", sealed(tmp_path, key), SHARES, shapes=SHAPES)

    one = open_sum(tmp_path / "sum", key, shapes=SHAPES)
    other = open_sum(tmp_path / "sum", Key(key.content), shapes=SHAPES)

    assert all((one[n] == other[n]).all() for n in SHAPES)


def test_nothing_of_an_update_stands_in_its_file(tmp_path: Path, key: Key) -> None:
    path = sealed(tmp_path, key)["heart"]

    content = path.read_bytes()

    assert all(tensors(1)[n].tobytes()[:12] not in content for n in SHAPES)
    with path.open("rb") as file:
        header = read_header(file)
    assert (header.key, header.members, header.shapes) == (key.id, SITES, SHAPES)


def refused(tmp_path: Path, paths: Mapping[str, Path], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        add_up(tmp_path / "sum", paths, SHARES, shapes=SHAPES)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _: b"", "found no header"),
        (lambda content: b"x" + content[1:], "found no header"),
        (lambda content: content[:8] + b"\xff\xff\xff\xff" + content[12:], "found no header"),
        (lambda content: content[:20] + b"\xff" + content[21:], "found no header"),
        (lambda content: content[:-1], "found it cut short"),
        (lambda content: content + b"x", "found more than its blocks"),
    ],
)
def test_a_spoilt_file_is_refused(
    tmp_path: Path, key: Key, spoil: Callable[[bytes], bytes], words: str
) -> None:
    paths = sealed(tmp_path, key)
    paths["heart"].write_bytes(spoil(paths["heart"].read_bytes()))

    refused(tmp_path, paths, words)


def test_a_block_that_is_none_is_refused_by_name(tmp_path: Path, key: Key) -> None:
    paths = sealed(tmp_path, key)
    header = header_of(paths["heart"])
    junk = (9).to_bytes(4, "little") + b"not a one"
    paths["heart"].write_bytes(header + junk + junk)

    refused(tmp_path, paths, "sealed update of heart: encrypted block: found none")


def test_another_key_is_refused_by_name(tmp_path: Path, key: Key) -> None:
    paths = sealed(tmp_path, key)
    seal(paths["heart"], tensors(1), new_key(), site="heart", members=SITES)

    refused(tmp_path, paths, "sealed update of heart: found the key")


def test_other_members_are_refused_by_name(tmp_path: Path, key: Key) -> None:
    paths = sealed(tmp_path, key)
    seal(paths["lungs"], tensors(1), key, site="lungs", members=("lungs", "skin"))

    refused(tmp_path, paths, "sealed update of lungs: found other members")


def test_other_shapes_are_refused_by_name(tmp_path: Path, key: Key) -> None:
    paths = sealed(tmp_path, key)
    other = tensors(1, {**SHAPES, "a": (5, 3)})
    seal(paths["heart"], other, key, site="heart", members=SITES)

    refused(tmp_path, paths, "sealed update of heart: found 3 tensors of other names or shap")


def test_a_sum_under_another_key_is_not_opened(tmp_path: Path, key: Key) -> None:
    add_up(tmp_path / "sum", sealed(tmp_path, key), SHARES, shapes=SHAPES)

    with pytest.raises(ModelError, match="sealed sum: found the key"):
        open_sum(tmp_path / "sum", new_key(), shapes=SHAPES)


@pytest.mark.parametrize("shares", [{"heart": 1.0}, {"heart": 0.999, "bones": 0.001}])
def test_a_site_does_not_open_what_is_one_site_alone(
    tmp_path: Path, key: Key, shares: Mapping[str, float]
) -> None:
    add_up(tmp_path / "sum", sealed(tmp_path, key, tuple(shares)), shares, shapes=SHAPES)

    with pytest.raises(ModelError, match="it would be that site's update"):
        open_sum(tmp_path / "sum", key, shapes=SHAPES)


def test_a_sum_with_other_shares_than_it_says_is_not_opened(tmp_path: Path, key: Key) -> None:
    paths = sealed(tmp_path, key)
    # The server says 0.2, 0.3, 0.5 and takes one site alone.
    add_up(tmp_path / "sum", paths, {"bones": 1e-5, "heart": 0.99998, "lungs": 1e-5}, shapes=SHAPES)
    add_up(tmp_path / "told", paths, SHARES, shapes=SHAPES)
    lying = header_of(tmp_path / "told") + blocks_of(tmp_path / "sum")
    (tmp_path / "sum").write_bytes(lying)

    with pytest.raises(ModelError, match="found checks that are not the shares it says"):
        open_sum(tmp_path / "sum", key, shapes=SHAPES)


def header_of(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: 12 + int.from_bytes(content[8:12], "little")]


def blocks_of(path: Path) -> bytes:
    return path.read_bytes()[len(header_of(path)) :]


def test_an_adapter_as_large_as_the_bundled_one_goes_in_blocks(tmp_path: Path, key: Key) -> None:
    like = dict(open_adapter(ADAPTER / "adapter_model.safetensors"))
    sites = {site: tensors(number, shapes_of(like)) for number, site in enumerate(SITES)}
    paths = {site: tmp_path / site for site in SITES}
    for site, path in paths.items():
        seal(path, sites[site], key, site=site, members=SITES)
    add_up(tmp_path / "sum", paths, SHARES, shapes=shapes_of(like))

    opened = open_sum(tmp_path / "sum", key, shapes=shapes_of(like))

    updates = [SiteUpdate(SiteReport(s, 1, 1, None, None), sites[s], "", "") for s in SITES]
    expected = weighted_sum(updates, SHARES)
    assert num_parameters(like) == 490_821
    assert max(np.abs(opened[n] - expected[n]).max() for n in like) < 1.6e-7
    # 120 blocks of 4093 values, each 235 KB.
    assert 28.0e6 < paths["heart"].stat().st_size < 28.5e6
