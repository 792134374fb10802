"""Every format that is read gives back what was written in it."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from tests.formats.exchange.invented import (
    BARE,
    HARD,
    OPEN_SITES,
    PLAIN,
    kept,
    notes,
    read,
    write,
)

from fedmedlora.clinical.notes import Note
from fedmedlora.formats.note_format import NoteFormat, note_formats
from fedmedlora.formats.site_folder import read_site

FORMATS = {name: format_ for name, format_ in note_formats().items() if format_.read}
SITES = ("maccrobat", "chia", "phee", "psytar", "ncbi_disease", "bc5cdr", "glaucoma")

each_format = pytest.mark.parametrize("format_", FORMATS.values(), ids=FORMATS)


@cache
def splits_of(site: str) -> Mapping[str, tuple[Note, ...]]:
    if not OPEN_SITES.is_dir():
        pytest.skip("the open sites are not in ../shared")
    return read_site(OPEN_SITES / site).splits


def assert_the_same(folder: Path, format_: NoteFormat, written: tuple[Note, ...]) -> None:
    found, faults, unread = read(format_, write(folder, format_, written))
    assert (faults, unread) == ([], [])
    there = {note.id: kept(note, format_.types, lacks=format_.lacks) for note in found}
    assert there == {note.id: kept(note, {}, lacks=format_.lacks) for note in written}
    assert len(found) == len(written)


@each_format
def test_hard_notes_are_read_back(tmp_path: Path, format_: NoteFormat) -> None:
    assert_the_same(tmp_path, format_, (HARD, PLAIN, BARE))


@each_format
def test_bytes_in_are_bytes_out(tmp_path: Path, format_: NoteFormat) -> None:
    found, *_ = read(format_, write(tmp_path, format_, [HARD]))

    assert [note.text.encode() for note in found] == [HARD.text.encode()]


@each_format
@given(note=notes())
def test_any_note_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, format_: NoteFormat, note: Note
) -> None:
    assert_the_same(tmp_path_factory.mktemp("any"), format_, (note,))


@each_format
@pytest.mark.parametrize("site", SITES)
def test_notes_of_the_open_sites_are_read_back(
    tmp_path: Path, format_: NoteFormat, site: str
) -> None:
    assert_the_same(tmp_path, format_, splits_of(site)["dev"][:20])


@pytest.mark.slow
@each_format
@pytest.mark.parametrize("site", SITES)
def test_all_notes_of_the_open_sites_are_read_back(
    tmp_path: Path, format_: NoteFormat, site: str
) -> None:
    for split, all_notes in splits_of(site).items():
        assert_the_same(tmp_path / split, format_, all_notes)
