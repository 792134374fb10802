import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fedmedlora.durable_files import (
    parts_of,
    remove_parts,
    whole_folder,
    write_for_owner,
    write_whole,
)


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.mkdir()
    (path / "kept").touch()

    with pytest.raises(OSError, match="directory"):
        write_whole(path, b"after")

    assert [found.name for found in tmp_path.rglob("*")] == ["results.json", "kept"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    for content in (b"a longer one", b"short"):
        write_whole(path, content)

    assert path.read_bytes() == b"short"
    assert list(tmp_path.iterdir()) == [path]


def test_two_who_write_the_same_file_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    pages = [bytes([letter]) * 100_000 for letter in b"ab"]

    def write(page: bytes) -> None:
        for _ in range(50):
            write_whole(path, page)
            assert path.read_bytes() in pages

    with ThreadPoolExecutor() as threads:
        list(threads.map(write, pages))

    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("flushed", "flushes"), [(True, 2), (False, 0)])
def test_a_file_and_its_folder_are_flushed_where_they_must_outlast_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, flushed: bool, flushes: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "fsync", asked.append)

    write_whole(tmp_path / "results.json", b"content", flushed=flushed)

    assert len(asked) == flushes


def test_what_is_for_its_owner_was_never_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "new" / "secret", list[int]()
    monkeypatch.setattr(os, "fsync", lambda file: seen.append(os.fstat(file).st_mode))

    write_for_owner(path, b"content")

    # The file before it had its name, then the folder.
    assert [stat.S_IMODE(mode) for mode in seen] == [0o600, 0o700]
    (tmp_path / "later").touch()
    assert stat.S_IMODE((tmp_path / "later").stat().st_mode) & 0o044


def test_only_unfinished_files_are_removed(tmp_path: Path) -> None:
    for name in (".a.part", "b.part", ".c"):
        (tmp_path / name).touch()

    remove_parts(tmp_path, tmp_path / "gone")

    assert sorted(path.name for path in tmp_path.iterdir()) == [".c", "b.part"]


def test_what_a_kill_left_of_a_file_is_told_from_others(tmp_path: Path) -> None:
    for name in (".a.json.1f.part", ".b.json.1f.part", "a.json", ".a.json"):
        (tmp_path / name).touch()

    assert parts_of(tmp_path / "a.json") == [tmp_path / ".a.json.1f.part"]


def test_a_folder_gets_its_name_when_it_is_full(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "new") as part:
        (part / "a.txt").write_bytes(b"a")
        assert not (tmp_path / "new").exists()

    assert (tmp_path / "new" / "a.txt").read_bytes() == b"a"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_a_folder_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with whole_folder(tmp_path / "new") as part:
            (part / "a.txt").write_bytes(b"a")
            raise OSError(28, "no space")

    with pytest.raises(OSError, match="no space"):
        fill()

    assert list(tmp_path.iterdir()) == []


def test_a_folder_takes_the_place_of_an_empty_one_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with whole_folder(tmp_path / "empty") as part:
        (part / "a.txt").write_bytes(b"a")

    def fill_again() -> None:
        with whole_folder(tmp_path / "empty") as part:
            (part / "b.txt").write_bytes(b"b")

    with pytest.raises(OSError, match="not empty"):
        fill_again()

    assert [path.name for path in tmp_path.rglob("*")] == ["empty", "a.txt"]
