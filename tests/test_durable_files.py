from pathlib import Path

import pytest

from fedmedlora.durable_files import part_of, remove_parts, write_whole


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_whole(path, b"before")
    (tmp_path / ".results.json.part").mkdir()

    with pytest.raises(OSError, match="Is a directory"):
        write_whole(path, b"after")

    assert path.read_bytes() == b"before"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    for content in (b"a longer one", b"short"):
        write_whole(path, content)

    assert path.read_bytes() == b"short"
    assert list(tmp_path.iterdir()) == [path]


def test_only_unfinished_files_are_removed(tmp_path: Path) -> None:
    for name in (".a.part", "b.part", ".c"):
        (tmp_path / name).touch()

    remove_parts(tmp_path, tmp_path / "gone")

    assert sorted(path.name for path in tmp_path.iterdir()) == [".c", "b.part"]


def test_the_half_file_a_kill_left_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    part_of(path).write_bytes(b"half of somethi")

    write_whole(path, b"whole")

    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]
