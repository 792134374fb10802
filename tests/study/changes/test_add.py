from pathlib import Path

import pytest
from tests.study.changes.wards import changed, ward, wards

from fedmedlora.errors import InputError
from fedmedlora.formats.site_folder import write_site


def test_a_site_comes_in_with_its_part_and_limits(tmp_path: Path) -> None:
    write_site(tmp_path / "e", ward("e").notes)

    after = changed(wards(), "add", path=tmp_path / "e", max_sentences=4)

    assert list(after) == [*"abcde"]
    assert after["e"] == ward("e", role="train", max_sentences=4)


def test_notes_of_the_server_need_no_training_notes(tmp_path: Path) -> None:
    write_site(tmp_path / "e", ward("e", {"dev": 2}).notes)

    assert changed(wards(), "add", path=tmp_path / "e", role="server")["e"].notes.name == "e"
    with pytest.raises(InputError, match=r"train\.jsonl"):
        changed(wards(), "add", path=tmp_path / "e")


def test_a_site_that_is_there_already_is_refused(tmp_path: Path) -> None:
    write_site(tmp_path / "elsewhere", ward("b").notes)

    with pytest.raises(ValueError, match="found 'b' twice"):
        changed(wards(), "add", path=tmp_path / "elsewhere")
